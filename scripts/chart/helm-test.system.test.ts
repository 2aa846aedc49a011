import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../app/kernel/testing/until.ts';
import { API_KEY, RolesUnderTest } from '../../app/roles/testing/roles-under-test.ts';
import { ShardedRoles } from '../../app/roles/testing/sharded-roles.ts';
import { freePort } from '../../devstack/system/ports.mjs';

const SCRIPT = readFileSync('charts/holdfast/files/transfer-test.mjs', 'utf8');

let roles: RolesUnderTest;
beforeAll(async () => {
  roles = await RolesUnderTest.start();
});
afterAll(() => roles.stop());

/** The script as the pod of `helm test` runs it. */
function helmTest(api: string, key = API_KEY, shards = 1) {
  const env = { PATH: process.env['PATH'], API: api, API_KEY: key, ACCOUNTS: 'helm-a,helm-b', SHARDS: String(shards) };
  const child = spawn(process.execPath, ['--input-type=module', '--eval', SCRIPT], { env });
  const program = { output: '', ended: Promise.resolve<number | null>(null) };
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => (program.output += bytes.toString()));
  program.ended = new Promise((resolve) => child.once('close', (code) => resolve(code)));
  return program;
}

describe('`helm test`', () => {
  it('waits until it can connect, repeats failed requests, and makes each transfer once', async () => {
    await roles.keeper();
    const port = await freePort();
    const program = helmTest(`http://127.0.0.1:${port}`);
    await until('it was refused', () => program.output.includes('ECONNREFUSED'));
    const api = await roles.api();
    const target = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
    const lost = new Set<string>();
    // A proxy that drops the pod's first answer to each request, after the pod has processed the request.
    const between = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { authorization = '' } = request.headers;
      const answer = await fetch(target + request.url, {
        method: request.method ?? 'GET',
        headers: { authorization, 'content-type': 'application/json' },
        ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
      });
      const id = `${request.method} ${request.url} ${Buffer.concat(chunks)}`;
      if (!lost.has(id)) {
        lost.add(id);
        request.socket.destroy();
        return;
      }
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
    }).listen(port, '127.0.0.1');
    expect(await program.ended).toBe(0);
    expect(program.output).toContain('A cent was passed once around a ring of 2 accounts.');
    const rows = await until('both are in MySQL', async () => {
      const found = await roles.db.database.rows<{ id: string }>(
        "SELECT transaction_id AS id FROM transfers WHERE transaction_id LIKE 'helm-test-%'",
      );
      return found.length >= 2 ? found : null;
    });
    expect(rows.length).toBe(2);
    between.close();
  });

  it('sends the cent from each shard to the next', async () => {
    const sharded = await ShardedRoles.start(5);
    try {
      await sharded.keeper();
      const api = await sharded.api();
      await api.ready();
      const target = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
      const program = helmTest(target, API_KEY, 5);
      expect(await program.ended, program.output).toBe(0);
      expect(program.output).toContain(
        'A cent was passed once around a ring of 5 accounts, each in a different shard.',
      );
      const pairs = await Promise.all(
        sharded.databases.map(({ database }, from) =>
          database
            .rows<{ to_shard: number }>('SELECT to_shard FROM crossings')
            .then((rows) => rows.map((row) => `${from} ${row.to_shard}`)),
        ),
      );
      expect(pairs.map((of) => of.length)).toEqual([1, 1, 1, 1, 1]);
      expect(new Set(pairs.flatMap((of) => of[0]?.split(' ')[1] ?? [])).size).toBe(5);
    } finally {
      await sharded.stop();
    }
  });

  it('fails immediately on an answer that a retry would not change', async () => {
    const api = await roles.api();
    const target = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
    await api.ready();
    const program = helmTest(target, 'no-such-key-no-such-key-no-such-key');
    expect(await program.ended).toBe(1);
    expect(program.output).toContain('401 is unexpected');
    expect(program.output.match(/POST \/v1\/accounts/g)?.length).toBe(1);
  });
});
