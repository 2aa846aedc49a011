import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { gained, look, quantileGained } from './scrape.ts';

it('reads the output of prom-client, and computes the increase of a histogram between two samples', async () => {
  const registry = new Registry();
  const waits = new Histogram({
    name: 'wait_p99_seconds',
    help: 'for the test',
    labelNames: ['route'],
    buckets: [0.01, 0.1, 1],
    registers: [registry],
  });
  const server = createServer(async (_request, response) => response.end(await registry.metrics())).listen(
    0,
    '127.0.0.1',
  );
  try {
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const pods = { pods: [{ pid: null, role: 'api', url }] };
    for (let i = 0; i < 1000; i++) waits.observe({ route: 'before' }, 0.5);
    const before = await look(pods, 'api');
    for (let i = 0; i < 50; i++) waits.observe({ route: 'a' }, 0.005);
    for (let i = 0; i < 50; i++) waits.observe({ route: 'b' }, 0.05);
    const after = await look(pods, 'api');
    expect(gained(before, after, 'wait_p99_seconds_count')).toBe(100);
    expect(quantileGained(before, after, 'wait_p99_seconds', 0.5)).toBeCloseTo(0.01);
    expect(quantileGained(before, after, 'wait_p99_seconds', 0.75)).toBeCloseTo(0.055);
    expect(quantileGained(after, after, 'wait_p99_seconds', 0.5)).toBeNaN();
  } finally {
    server.close();
  }
});
