// mqtt.js and pg, as their READMEs say: each message is one INSERT, and is acknowledged after it.

import mqtt from 'mqtt'
import pg from 'pg'

const [url, clientId, connectionString] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString })
const INSERT = {
  name: 'insert',
  text: `INSERT INTO bench_reading (device_id, seq, kind, measured_at, systolic, diastolic, pulse)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
}

const client = mqtt.connect(url, {
  clientId,
  protocolVersion: 5,
  clean: false,
  properties: { sessionExpiryInterval: 3600 },
})

client.handleMessage = (packet, done) => {
  const reading = JSON.parse(packet.payload)
  const { seq, kind, measured_at, systolic, diastolic, pulse } = reading
  const values = [packet.topic.split('/')[2], seq, kind, measured_at, systolic, diastolic, pulse]
  pool.query({ ...INSERT, values }).then(() => done(), done)
}

client.on('connect', () => client.subscribe('careloop/v1/+/readings', { qos: 1 }))
client.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
