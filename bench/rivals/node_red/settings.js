// Node-RED without its editor; the function node finds a pool of connections in the global context.

const { Pool } = require('pg')

module.exports = {
  uiHost: '127.0.0.1',
  httpAdminRoot: false,
  httpNodeRoot: false,
  credentialSecret: false,
  functionGlobalContext: { pool: new Pool({ connectionString: process.env.BENCH_DATABASE_URL }) },
  logging: { console: { level: 'warn', metrics: false, audit: false } },
}
