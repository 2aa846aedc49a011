import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { type Identity, SCOPES, type Scope } from '../../domain/identity.ts';
import { Problem } from '../../domain/problem.ts';
import { type Clock, systemClock } from '../../kernel/clock.ts';
import type { ApiDependencies } from '../api-dependencies.ts';
import type { LoopUtilization } from '../http/connections/load-shedding.ts';
import { ProblemSchema } from '../http/problems.ts';
import { RouteTable } from '../http/route.ts';
import { apiRoutes, createApiServer } from '../server.ts';
import { MemoryBatches } from './memory-batches.ts';
import { MemoryFeed } from './memory-feed.ts';
import { MemoryHolds } from './memory-holds.ts';
import { MemoryKeys } from './memory-keys.ts';
import { MemoryLedger } from './memory-ledger.ts';
import { MemorySearch } from './memory-search.ts';
import { MemoryWebhooks } from './memory-webhooks.ts';

export const NOW = Date.UTC(2026, 0, 31, 12);

/**
 * In the tests, a key is the list of its scopes, such as `balances:read+ops`, followed by its account prefixes if it is
 * restricted.
 */
export function keyWith(...scopes: Scope[]): string {
  return scopes.join('+');
}
/** A key whose holder may use only accounts with these prefixes. */
export function restrictedKey(prefixes: readonly string[], ...scopes: Scope[]): string {
  return `${keyWith(...scopes)}@${prefixes.join('|')}`;
}
const EVERY_SCOPE = keyWith(...SCOPES);

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  /** Empty if the response is not JSON. */
  json: Record<string, unknown>;
}

interface RequestOptions {
  key?: string | null;
  body?: unknown;
  /** Sent unchanged, instead of `body` as JSON. */
  raw?: string | Uint8Array;
  headers?: Record<string, string>;
}

/** The documentation of all routes, created once: it is the same for all APIs of a process. */
let documentedRoutes: RouteTable | undefined;

/** A real server on a free port, on top of a ledger in memory, with a frozen clock. */
export class ApiUnderTest {
  readonly clock: Clock & { time: number } = { ...systemClock, time: NOW, now: () => this.clock.time };
  /** The ledger's time, if it differs from the pod's clock. */
  ledgerTime: number | null = null;
  readonly ledger = new MemoryLedger(this.clock);
  readonly batches = new MemoryBatches(this.clock);
  readonly holds = new MemoryHolds(this.ledger, this.clock);
  readonly keys = new MemoryKeys(this.clock);
  readonly feed = new MemoryFeed();
  readonly search = new MemorySearch();
  readonly webhooks = new MemoryWebhooks(this.clock);
  readonly logged: { level: string; fields: object; message: string }[] = [];
  readonly observed: { route: string; method: string; status: number; seconds: number }[] = [];
  readonly problems: string[] = [];
  /** Connections that were closed because of their age. */
  expired = 0;
  readonly deps: ApiDependencies;
  readonly server;
  readonly connections;
  readonly streams;
  readonly lives;

  private constructor(overrides: Partial<ApiDependencies>, utilization?: LoopUtilization) {
    const log = (level: string) => (fields: object, message: string) =>
      void this.logged.push({ level, fields, message });
    this.deps = {
      ledger: this.ledger,
      books: this.ledger,
      batches: this.batches,
      history: this.ledger,
      holds: this.holds,
      holdBooks: this.holds,
      feed: this.feed,
      search: this.search,
      keys: { identify: async (key) => identityOf(key) },
      returnedMoney: {
        list: async () => ({ balances: [], items: [], next: null }),
        async payOut() {
          throw new Problem('transfer_not_found', 'there is no returned money');
        },
      },
      keyManagement: this.keys,
      webhooks: this.webhooks,
      webhookUrlFault: (href) => (href.startsWith('https://') ? null : 'must be a URL that begins with https://'),
      ops: {
        status: async () => ({ mode: 'CACHE' }),
        live: async () => ({ at: '2026-01-31T12:00:00.000Z', processId: 'p', transferRequests: [], shards: [] }),
        audit: async () => ({ log: { length: 7 } }),
        reconcile: async () => ({ differences: 0 }),
        unsettled: async () => ({ frozenAccounts: [] }),
        acceptLoss: async ({ epoch }) => ({ epoch: epoch + 1, mode: 'DIRECT', dropped: 3, done: true }),
        setStopped: async (stopped) => stopReport(stopped),
        stop: async () => stopReport(false),
        takeRedisOver: async () => ({ epoch: 19, mode: 'DIRECT' }),
        moveFormat: async ({ epoch, dryRun }) => ({
          warning: 'This cannot be undone',
          from: 1,
          to: 2,
          epoch: dryRun ? epoch : epoch + 3,
          mode: 'CACHE',
          dryRun,
          obstacles: [],
          done: !dryRun,
        }),
      },
      readiness: () => ({ ready: true, reasons: [] }),
      waitingForDatabase: () => 0,
      shuttingDown: () => false,
      metrics: { contentType: 'text/plain; version=0.0.4', text: async () => 'up 1\n' },
      onRequest: (route, method, status, seconds) => void this.observed.push({ route, method, status, seconds }),
      onProblem: (code) => void this.problems.push(code),
      onConnectionExpired: () => void this.expired++,
      logger: { info: log('info'), warn: log('warn'), error: log('error') },
      clock: this.clock,
      ledgerNow: () => this.ledgerTime ?? this.clock.time,
      limits: {
        bodyBytesMax: 65_536,
        requestsInFlightMax: 100,
        requestsInFlightBusyMax: 100,
        connectionsMax: 10_000,
        connectionAgeMaxMs: null,
        requestsPerSecondPerUserMax: null,
      },
      liveLimits: { max: 100, perUserMax: 50 },
      demand: { exchange: async (demand) => demand },
      ...overrides,
    };
    const { server, connections, streams, lives } = createApiServer(this.deps, 65_000, utilization);
    this.server = server;
    this.connections = connections;
    this.streams = streams;
    this.lives = lives;
  }

  static async start(overrides: Partial<ApiDependencies> = {}, utilization?: LoopUtilization): Promise<ApiUnderTest> {
    const api = new ApiUnderTest(overrides, utilization);
    api.server.listen(0, '127.0.0.1');
    await once(api.server, 'listening');
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Sends a request, and checks the response against the route's documentation. */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<Reply> {
    const { key = EVERY_SCOPE, body, raw, headers = {} } = options;
    const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(this.url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(key !== null && { Authorization: `Bearer ${key}` }),
        ...(content !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(content !== undefined && { body: content as string }),
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') && text !== '' ? JSON.parse(text) : {};
    const reply = { status: response.status, headers: response.headers, text, json };
    this.#holdAgainstDocumentation(method, path, reply);
    return reply;
  }

  get = (path: string, options?: RequestOptions) => this.request('GET', path, options);
  post = (path: string, body?: unknown, options?: RequestOptions) => this.request('POST', path, { body, ...options });
  delete = (path: string, options?: RequestOptions) => this.request('DELETE', path, options);
  patch = (path: string, body?: unknown, options?: RequestOptions) => this.request('PATCH', path, { body, ...options });

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #holdAgainstDocumentation(method: string, path: string, reply: Reply): void {
    documentedRoutes ??= new RouteTable(apiRoutes(this.deps).routes);
    if (reply.headers.get('content-type') === 'application/problem+json') {
      if (method === 'HEAD') return;
      ProblemSchema.strict().parse(reply.json);
      return;
    }
    const match = documentedRoutes.match(method, path.split('?')[0] ?? path);
    if ('allow' in match) return;
    const documented = match.route.answers[reply.status];
    if (!documented) throw new Error(`${match.route.path} does not document the status ${reply.status}`);
    const { schema } = documented;
    if (schema && method !== 'HEAD')
      (schema instanceof z.ZodObject && !isOpen(schema) ? schema.strict() : schema).parse(reply.json);
  }
}

/** How many clients are connected to the server. */
export function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}

function isOpen(schema: z.ZodObject): boolean {
  return schema.def.catchall !== undefined;
}

function identityOf(key: string): Identity | null {
  const [names = '', prefixes] = key.split('@');
  const scopes = names.split('+');
  if (!scopes.every((scope): scope is Scope => (SCOPES as readonly string[]).includes(scope))) return null;
  return {
    user: 'tester',
    scopes: new Set(scopes),
    ...(prefixes !== undefined && { accountPrefixes: prefixes.split('|') }),
  };
}

const stopReport = (stopped: boolean) => {
  const number = stopped ? 1 : 2;
  return { stopped, enforced: true, number, changes: [], olderProcesses: [] };
};
