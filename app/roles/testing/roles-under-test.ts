import type { AddressInfo } from 'node:net';
import { freePort } from '../../../devstack/system/ports.mjs';
import type { Clock } from '../../kernel/clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { OwnRedis, randomPrefix } from '../../redis/testing/own-redis.ts';
import { type Running, startApi } from '../api-role.ts';
import { startKeeper } from '../keeper-role.ts';
import { startSearch } from '../search-role.ts';
import { startWebhooks } from '../webhooks-role.ts';
import { type ContextUnderTest, processOf, testConfig, testContext } from './test-context.ts';

/** Encrypts the secrets of webhooks. */
const SECRET_KEY = Buffer.alloc(32, 7).toString('base64');
export const API_KEY = 'a-bootstrap-key-for-tests-alone';

interface Answer {
  status: number;
  json: Record<string, unknown>;
}

/** A role that runs in this process, with its components. */
export class Role {
  readonly context: ContextUnderTest;
  readonly #running: Running;
  readonly #base: string;
  #stopped: Promise<void> | null = null;

  constructor(context: ContextUnderTest, running: Running) {
    this.context = context;
    this.#running = running;
    const address = running.server.address() as AddressInfo | null;
    this.#base = `http://127.0.0.1:${address?.port}`;
  }
  get server() {
    return this.#running.server;
  }
  get url(): string {
    return this.#base;
  }

  async request(
    method: string,
    path: string,
    body?: unknown,
    key: string | null = API_KEY,
    more: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(this.#base + path, {
      method,
      headers: {
        ...(key !== null && { Authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...more,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, json: text.startsWith('{') ? JSON.parse(text) : { text } };
  }

  transfer(transactionId: string, amount = '1.00', more: object = {}): Promise<Answer> {
    const accounts = { sourceAccount: 'world', destinationAccount: 'ada' };
    return this.request('POST', '/v1/transfers', { transactionId, ...accounts, amount, currency: 'EUR', ...more });
  }

  async ready(): Promise<void> {
    await until('the pod is ready', async () => (await this.request('GET', '/readyz')).status === 200);
    await until('the key is known', async () => (await this.request('GET', '/v1/ops/status')).status === 200);
  }

  /** Waits until this pod works with the store that has the authority: with Redis, or directly on MySQL. */
  async worksIn(mode: 'CACHE' | 'DIRECT'): Promise<void> {
    await until(`the pod works in ${mode}`, async () => {
      const { json } = await this.request('GET', '/v1/ops/status');
      return json['mode'] === mode && (json['pod'] as { open: boolean }).open === (mode === 'CACHE');
    });
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#running.stop().then(() => this.context[Symbol.asyncDispose]());
    return this.#stopped;
  }
}

/** A durable Redis and a database, and the roles that use them, which all run in this process. */
export class RolesUnderTest {
  readonly db: TestDatabase;
  readonly redis: OwnRedis;
  readonly prefix = randomPrefix();
  readonly #roles: Role[] = [];

  private constructor(db: TestDatabase, redis: OwnRedis) {
    this.db = db;
    this.redis = redis;
  }
  static async start(): Promise<RolesUnderTest> {
    const [db, redis] = await Promise.all([migratedDatabase(), OwnRedis.start()]);
    return new RolesUnderTest(db, redis);
  }

  context(env: Record<string, string> = {}, clock?: Clock): Promise<ContextUnderTest> {
    const urls = {
      REDIS_URL: this.redis.url,
      KEY_PREFIX: this.prefix,
      HEARTBEAT_MS: '50',
      POD_RETIRE_AFTER_MS: '1000',
      REDIS_STEADY_AFTER_MS: '200',
    };
    return testContext(
      testConfig(this.db.url, { ...urls, BOOTSTRAP_API_KEY: API_KEY, WEBHOOK_SECRET_KEYS: SECRET_KEY, ...env }),
      clock,
    );
  }
  async api(env: Record<string, string> = {}, clock?: Clock): Promise<Role> {
    const context = await this.context(env, clock);
    return this.#started(new Role(context, await startApi(processOf(context))));
  }
  async keeper(env: Record<string, string> = {}, clock?: Clock): Promise<Role> {
    const context = await this.context({ ROLE: 'keeper', ADMIN_PORT: String(await freePort()), ...env }, clock);
    return this.#started(new Role(context, await startKeeper(processOf(context))));
  }
  async search(env: Record<string, string> = {}): Promise<Role> {
    const context = await this.context({ ROLE: 'search', ADMIN_PORT: String(await freePort()), ...env });
    return this.#started(new Role(context, await startSearch(processOf(context))));
  }
  /** Also delivers to receivers on this machine. */
  async webhooks(env: Record<string, string> = {}, clock?: Clock): Promise<Role> {
    const local = { WEBHOOK_HTTP: 'allowed', WEBHOOK_ALLOWED_RANGES: '127.0.0.0/8' };
    const own = { ROLE: 'webhooks', ADMIN_PORT: String(await freePort()) };
    const context = await this.context({ ...own, ...local, ...env }, clock);
    return this.#started(new Role(context, await startWebhooks(processOf(context))));
  }
  #started(role: Role): Role {
    this.#roles.push(role);
    return role;
  }

  /** Opens two accounts as clients do. */
  async openAccounts(api: Role): Promise<void> {
    await api.request('POST', '/v1/accounts', { accountId: 'world', currency: 'EUR', external: true });
    await api.request('POST', '/v1/accounts', { accountId: 'ada', currency: 'EUR' });
  }

  async stopRoles(): Promise<void> {
    for (const role of this.#roles.splice(0).reverse()) await role.stop();
  }
  async stop(): Promise<void> {
    await this.stopRoles();
    await Promise.all([this.db.drop(), this.redis.stop()]);
  }
}
