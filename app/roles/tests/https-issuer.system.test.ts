import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { generate } from 'selfsigned';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../devstack/system/ports.mjs';
import { until } from '../../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { OwnRedis, randomPrefix } from '../../redis/testing/own-redis.ts';

const AUDIENCE = 'holdfast';

let db: TestDatabase;
let redis: OwnRedis;
let folder: string;
let caFile: string;
let issuer: string;
let server: Server;
let token: string;
let child: ChildProcess | null = null;
beforeAll(async () => {
  [db, redis] = await Promise.all([migratedDatabase(), OwnRedis.start()]);
  folder = mkdtempSync(join(tmpdir(), 'holdfast-issuer-'));
  const certificate = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  });
  caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, certificate.cert);
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }];
  server = createServer({ key: certificate.private, cert: certificate.cert }, ({ url }, response) => {
    const isDiscovery = url === '/.well-known/openid-configuration';
    response.end(JSON.stringify(isDiscovery ? { issuer, jwks_uri: `${issuer}/keys` } : { keys }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  issuer = `https://localhost:${(server.address() as AddressInfo).port}`;
  token = await new SignJWT({ scope: 'balances:read' })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuer(issuer)
    .setAudience(AUDIENCE)
    .setSubject('auth0|507f')
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(privateKey);
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
  await Promise.all([db.drop(), redis.stop()]);
});
afterEach(() => child?.kill('SIGKILL'));

/** Starts an API pod that trusts this issuer, and returns a function that sends a request with a token. */
async function podAnswering(env: Record<string, string>): Promise<() => Promise<Response>> {
  const port = await freePort();
  child = spawn(process.execPath, ['--import', 'tsx', 'app/main.ts', 'api'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      REDIS_URL: redis.url,
      MYSQL_URL: db.url,
      KEY_PREFIX: randomPrefix(),
      HOST: '127.0.0.1',
      PORT: String(port),
      JWT_ISSUER: issuer,
      JWT_AUDIENCE: AUDIENCE,
      ...env,
    },
    stdio: 'ignore',
  });
  const pod = `http://127.0.0.1:${port}`;
  await until('the pod listens', async () => (await fetch(`${pod}/livez`).catch(() => null))?.status === 200);
  return () => fetch(`${pod}/v1/accounts/nobody/balance`, { headers: { Authorization: `Bearer ${token}` } });
}

const codeOf = async (response: Promise<Response>) => ((await (await response).json()) as { code: string }).code;

describe('An issuer with a certificate of a private CA', () => {
  it('is discovered over https if NODE_EXTRA_CA_CERTS names the CA', async () => {
    const answer = await podAnswering({ NODE_EXTRA_CA_CERTS: caFile });
    await until('the token is accepted', async () => (await codeOf(answer())) === 'account_not_found');
  });

  it('is not trusted otherwise', async () => {
    const answer = await podAnswering({});
    expect(await codeOf(answer())).toBe('issuer_unavailable');
  });
});
