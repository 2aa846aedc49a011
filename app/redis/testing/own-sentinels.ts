import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { requireProgram } from '../../../devstack/install/packages.mjs';
import { firstAnswer, freePort } from '../../../devstack/system/ports.mjs';
import { end, start } from '../../../devstack/system/process.mjs';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { until } from '../../kernel/testing/until.ts';
import { ReplicableRedis } from './replicable-redis.ts';

const MASTER = 'bank';
const DOWN_AFTER_MS = 500;
const FAILOVER_TIMEOUT_MS = 2_000;
const QUORUM = 2;

/** A master, a replica, and three Sentinels that replace the master when it is down. */
export class OwnSentinels {
  readonly servers: readonly [ReplicableRedis, ReplicableRedis];
  readonly ports: readonly number[];
  readonly #dir: string;
  readonly #running: Awaited<ReturnType<typeof start>>[];

  private constructor(
    servers: OwnSentinels['servers'],
    ports: readonly number[],
    dir: string,
    running: Awaited<ReturnType<typeof start>>[],
  ) {
    this.servers = servers;
    this.ports = ports;
    this.#dir = dir;
    this.#running = running;
  }

  /** @param password of the Sentinels, which have no password by default */
  static async start(password: string | null = null): Promise<OwnSentinels> {
    const master = await ReplicableRedis.start('repl-diskless-sync-delay 0\n');
    const replica = await ReplicableRedis.start(`replicaof 127.0.0.1 ${master.port}\n`);
    const dir = temporaryFolder();
    const ports = [await freePort(), await freePort(), await freePort()];
    const login = password === null ? '' : `requirepass "${password}"\nsentinel sentinel-pass "${password}"\n`;
    const running = await Promise.all(ports.map((port) => start(sentinelProgram(dir, port, master.port, login))));
    const own = new OwnSentinels([master, replica], ports, dir, running);
    await until('the Sentinels know each other and the replica', () => own.#isComplete(password));
    return own;
  }

  get url(): string {
    return this.urlWith('');
  }
  urlWith(query: string, master = MASTER): string {
    return `redis+sentinel://${this.ports.map((port) => `127.0.0.1:${port}`).join(',')}/${master}${query}`;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.map(end));
    await Promise.all(this.servers.map((server) => server.stop()));
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #isComplete(password: string | null): Promise<boolean> {
    const complete = this.ports.map(async (port) => {
      const sentinel = new Redis({ port, ...(password !== null && { password }), maxRetriesPerRequest: 0 });
      sentinel.on('error', () => {});
      try {
        const fields = (await sentinel.call('SENTINEL', 'MASTER', MASTER)) as string[];
        const field = (name: string) => fields[fields.indexOf(name) + 1];
        return field('num-slaves') === '1' && field('num-other-sentinels') === '2';
      } finally {
        sentinel.disconnect();
      }
    });
    return (await Promise.all(complete)).every(Boolean);
  }
}

function sentinelProgram(dir: string, port: number, masterPort: number, login: string) {
  const config = join(dir, `${port}.conf`);
  writeFileSync(
    config,
    `bind 127.0.0.1
port ${port}
dir ${JSON.stringify(dir)}
logfile ""
${login}sentinel monitor ${MASTER} 127.0.0.1 ${masterPort} ${QUORUM}
sentinel down-after-milliseconds ${MASTER} ${DOWN_AFTER_MS}
sentinel failover-timeout ${MASTER} ${FAILOVER_TIMEOUT_MS}
sentinel parallel-syncs ${MASTER} 1
`,
  );
  return {
    name: 'Sentinel',
    part: 'redis' as const,
    command: requireProgram('redis'),
    args: [config, '--sentinel'],
    stack: dir,
    logFile: join(dir, `${port}.log`),
    answers: async () => (await firstAnswer(port, 'PING\r\n')) !== null,
    readyMsMax: 60_000,
    stopMsMax: 5_000,
  };
}
