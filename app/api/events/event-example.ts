/** A stream, for the documentation. */
export const EVENT_EXAMPLE = `retry: 2817
id: 1023~94ab01c7

id: 1024.3~5b2c0d1e
data: {"specversion":"1.0","id":"0.1024.3.5b2c0d1e","source":"urn:holdfast:0f6c1d2e3b4a59687786954a3b2c1d0e","type":"holdfast.transfer.posted","subject":"019b7650-2c00-7000-8000-000000000002","time":"2026-01-31T12:00:00.000Z","datacontenttype":"application/json","data":{"transactionId":"019b7650-2c00-7000-8000-000000000002","status":"POSTED","kind":"transfer","sourceAccount":"world","destinationAccount":"demo-alice","amount":"25.00","currency":"EUR","timestamp":"2026-01-31T12:00:00.000Z","acceptedAt":"2026-01-31T12:00:00.000Z","sourceBalance":"-25.00","sourceVersion":1,"destinationBalance":"25.00","destinationVersion":1}}

:
id: 1026~0e77d3f2

`;
