import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis, RedisOptions } from 'ioredis';
import { generate } from 'selfsigned';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../devstack/system/ports.mjs';
import { InspectionRefused } from '../authority/server-facts.ts';
import { until } from '../kernel/testing/until.ts';
import { connectRedis, inspectServer } from './connection.ts';
import { OwnRedis } from './testing/own-redis.ts';

/** A server whose certificate is for localhost and has an unknown issuer. */
let server: OwnRedis;
let tlsPort: number;
let ca: string;
const opened: Redis[] = [];
beforeAll(async () => {
  server = await OwnRedis.start();
  const certificate = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  });
  ca = certificate.cert;
  const fileOf = (name: string, text: string) => {
    const file = join(server.dir, name);
    writeFileSync(file, text);
    return file;
  };
  const admin = connect(server.url);
  await until('it is connected', () => admin.status === 'ready');
  const files = [
    'tls-cert-file',
    fileOf('tls.crt', certificate.cert),
    'tls-key-file',
    fileOf('tls.key', certificate.private),
  ];
  tlsPort = await freePort();
  await admin.call('CONFIG', 'SET', ...files, 'tls-auth-clients', 'no', 'tls-port', String(tlsPort));
});
afterEach(() => {
  for (const redis of opened.splice(0)) redis.disconnect();
});
afterAll(() => server.stop());

function connect(url: string, extra: RedisOptions = {}): Redis {
  const redis = connectRedis({ url, slot: 7, connectTimeoutMs: 1500, commandTimeoutMs: 1500 }, extra);
  opened.push(redis);
  return redis;
}

/** Waits for the first error that shows a wrong setting. */
async function refusalOf(redis: Redis): Promise<string> {
  let refusal = '';
  await until('it is refused', async () => {
    const error: unknown = await inspectServer(redis).then(null, (reason: unknown) => reason);
    if (error instanceof InspectionRefused) refusal = error.message;
    return refusal !== '';
  });
  return refusal;
}

describe('If no connection is possible until a setting is changed, the inspection of a server reports', () => {
  it('that its certificate has an unknown issuer', async () => {
    expect(await refusalOf(connect(`rediss://localhost:${tlsPort}`))).toBe(
      'its certificate is not accepted: self-signed certificate (DEPTH_ZERO_SELF_SIGNED_CERT)',
    );
  });

  it('that its certificate is for another host', async () => {
    expect(await refusalOf(connect(`rediss://127.0.0.1:${tlsPort}`, { tls: { ca } }))).toMatch(
      /^its certificate is not accepted: .*127\.0\.0\.1.*\(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
    );
  });

  it('that the certificate of a Sentinel or of a node of a cluster is not accepted', async () => {
    for (const url of [`rediss+sentinel://localhost:${tlsPort}/bank`, `rediss+cluster://localhost:${tlsPort}`]) {
      expect(await refusalOf(connect(url))).toMatch(/its certificate is not accepted: self-signed certificate/);
    }
  });

  it('that it refuses the password', async () => {
    const password = randomBytes(8).toString('hex');
    expect(await refusalOf(connect(`redis://holdfast:${password}@127.0.0.1:${server.port}`))).toMatch(
      /^it refuses the connection: WRONGPASS/,
    );
  });

  it('no wrong setting while the server is only unavailable, or once it accepts the connection', async () => {
    const right = connect(`rediss://localhost:${tlsPort}`, { tls: { ca } });
    await until('it is connected', () => right.status === 'ready');
    expect((await inspectServer(right)).role).toBe('master');
    const away = connect(`redis://127.0.0.1:${await freePort()}`);
    await until('it has tried', async () => (await inspectServer(away).catch((error: Error) => error.message)) !== '');
    await expect(inspectServer(away)).rejects.not.toBeInstanceOf(InspectionRefused);
  });
});
