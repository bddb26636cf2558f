"""The home hub: keeps each reading on its own disk until the server has said that it is safe."""
