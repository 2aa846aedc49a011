import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { generate } from 'selfsigned';
import { afterEach, expect, it, vi } from 'vitest';
import { freePort } from '../../devstack/system/ports.mjs';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { until } from '../kernel/testing/until.ts';
import { connectRedis } from './connection.ts';
import { shardPrefix, slotOfPrefix } from './shard-prefix.ts';
import { ReplicableRedis } from './testing/replicable-redis.ts';

afterEach(() => vi.unstubAllEnvs());

it('with rediss+cluster, both the lookup and the connection use TLS', async () => {
  // Otherwise, the process would have to be started with the certificate of the test in NODE_EXTRA_CA_CERTS.
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  const [bus, tlsPort] = [await freePort(), await freePort()];
  const dir = temporaryFolder();
  const certificate = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' });
  writeFileSync(join(dir, 'tls.crt'), certificate.cert);
  writeFileSync(join(dir, 'tls.key'), certificate.private);
  const server = await ReplicableRedis.start(`cluster-enabled yes
cluster-port ${bus}
tls-port ${tlsPort}
tls-cluster yes
tls-cert-file ${dir}/tls.crt
tls-key-file ${dir}/tls.key
tls-ca-cert-file ${dir}/tls.crt
tls-auth-clients no
`);
  const admin = new Redis(server.port);
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
  const prefix = shardPrefix('hf');
  const redis = connectRedis({
    url: `rediss+cluster://127.0.0.1:${tlsPort}`,
    slot: slotOfPrefix(prefix),
    connectTimeoutMs: 1500,
    commandTimeoutMs: 1500,
  });
  await until('it is connected', () => redis.set(`${prefix}:key`, 'value').catch(() => null));
  expect(redis.options.port).toBe(tlsPort);
  redis.disconnect();
  admin.disconnect();
  await server.stop();
  rmSync(dir, { recursive: true });
});
