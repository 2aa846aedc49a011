import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { SCOPES } from '../../domain/identity.ts';
import { systemClock } from '../../kernel/clock.ts';
import { OutgoingAddresses } from '../../kernel/outgoing-addresses.ts';
import { SecretBox } from '../../kernel/secret-box.ts';
import { until } from '../../kernel/testing/until.ts';
import { WebhookLeaseStore } from '../../mysql/operations/webhook-lease-store.ts';
import { WebhookStore } from '../../mysql/operations/webhook-store.ts';
import { Deliverer } from '../../webhooks/deliverer.ts';
import { accept, Receiver, refuse } from '../../webhooks/testing/receiver.ts';
import { WebhookLog } from '../../webhooks/webhook-log.ts';
import { WebhookSender } from '../../webhooks/webhook-sender.ts';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

const LOCAL = new OutgoingAddresses({ allowed: ['127.0.0.0/8'], denied: [], http: true });
const box = new SecretBox(randomBytes(32).toString('base64'));
const OPERATOR = { identity: { user: 'ops', scopes: new Set(SCOPES) }, correlationId: 'c' };

let roles: RolesUnderTest;
let pod: Role;
let receiver: Receiver;
let store: WebhookStore;
/** The number of events of the ledger: more than fit into one request, so that several requests are needed. */
const EVENTS = 250;
beforeAll(async () => {
  roles = await RolesUnderTest.start();
  await roles.keeper();
  pod = await roles.api();
  await pod.ready();
  await pod.worksIn('CACHE');
  await roles.openAccounts(pod);
  const transfer = { sourceAccount: 'world', destinationAccount: 'ada', amount: '1.00', currency: 'EUR' };
  const transfers = Array.from({ length: EVENTS - 2 }, (_, index) => ({ ...transfer, transactionId: `t${index}` }));
  await pod.request('POST', '/v1/transfers/batch', { transfers });
  await until('all are in the log', async () => {
    const { json } = await pod.request('GET', `/v1/events/page?limit=1000`);
    return (json['items'] as unknown[]).length === EVENTS;
  });
  receiver = await Receiver.start();
  store = new WebhookStore({ database: roles.db.database, box, limits: { perUserMax: 9, max: 9 } });
});
afterAll(async () => {
  await receiver.kill();
  await roles.stop();
});
beforeEach(async () => {
  await store.remove('w', OPERATOR);
  receiver.requests.length = 0;
  receiver.behavior = accept;
  const settings = { url: receiver.url, description: null, accounts: null, types: null, details: false };
  const { secret } = await store.create({ webhookId: 'w', ...settings, after: null, position: '0' }, OPERATOR);
  receiver.secrets = [secret ?? ''];
});

/**
 * Simulates the death of a process: from a given moment before or after one of its calls, no call of the process
 * continues.
 */
class Death {
  calls = 0;
  #at: number;
  #isDead = false;
  #resume: (() => void)[] = [];

  constructor(at: number) {
    this.#at = at;
  }
  get isDead(): boolean {
    return this.#isDead;
  }
  /** Continues the process, as if it had only been suspended. It can no longer die. */
  revive(): void {
    this.#at = Number.POSITIVE_INFINITY;
    this.#isDead = false;
    for (const resume of this.#resume.splice(0)) resume();
  }
  mortal<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, name) => {
        const member = Reflect.get(object, name, object) as unknown;
        if (typeof member !== 'function') return member;
        return async (...args: unknown[]) => {
          await this.#moment();
          const result: unknown = await member.apply(object, args);
          await this.#moment();
          return result;
        };
      },
    });
  }
  /**
   * These calls do not count as moments at which the process may die, but none of them continues after its death
   * either.
   */
  bound<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, name) => {
        const member = Reflect.get(object, name, object) as unknown;
        if (typeof member !== 'function') return member;
        return async (...args: unknown[]) => {
          if (this.#isDead) await new Promise<void>((resolve) => this.#resume.push(resolve));
          return member.apply(object, args) as unknown;
        };
      },
    });
  }
  async #moment(): Promise<void> {
    if (this.calls++ === this.#at) this.#isDead = true;
    if (this.#isDead) await new Promise<void>((resolve) => this.#resume.push(resolve));
  }
}

function deliverer(holder: string, death: Death) {
  const logger = { info() {}, warn() {}, error() {} };
  const ledgerId = () => pod.context.identity.read();
  const sender = new WebhookSender({ addresses: LOCAL, clock: systemClock, timeoutMs: 5_000 });
  const made = new Deliverer({
    leases: death.mortal(new WebhookLeaseStore(roles.db.database, box)),
    log: new WebhookLog({
      shards: [{ log: death.bound(pod.context.sealedLog), logger }],
      ledgerId,
      clock: systemClock,
    }),
    sender: death.mortal({ send: sender.send.bind(sender) }),
    clock: systemClock,
    logger,
    holder,
    ledgerId,
    requestTimeoutMs: 5_000,
    retryForMs: 60_000,
    roundMs: 20,
    onAttempt() {},
  });
  const stopped = new AbortController();
  const running = made.run(stopped.signal);
  return {
    async stop() {
      stopped.abort();
      await running;
      await made.stop(1_000);
      sender[Symbol.dispose]();
    },
  };
}
const expire = () => roles.db.database.rows('UPDATE webhooks SET leased_until = NOW(3) - INTERVAL 1 SECOND');
const delivered = () => receiver.events.length;
const ids = () => receiver.events.map(({ id }) => id);

let wanted: string[] = [];
it('Without a kill, everything arrives once, in order', async () => {
  const immortal = new Death(Number.POSITIVE_INFINITY);
  const running = deliverer('a', immortal);
  await until('all have arrived', () => delivered() === EVENTS);
  await running.stop();
  expect(receiver.requests.map(({ events }) => events.length)).toEqual([100, 100, 50]);
  wanted = ids();
});

it('A deliverer that is killed at any moment loses no events and does not change their order', async () => {
  for (let at = 0; ; at++) {
    await expire();
    await store.moveTo('w', '0', OPERATOR);
    receiver.requests.length = 0;
    const death = new Death(at);
    const killed = deliverer(`killed-${at}`, death);
    await until('it is dead, or has delivered all', () => death.isDead || delivered() === EVENTS);
    if (!death.isDead) {
      death.revive();
      await killed.stop();
      expect(at).toBeGreaterThan(15);
      break;
    }
    await expire();
    const next = deliverer(`next-${at}`, new Death(Number.POSITIVE_INFINITY));
    await until('all have arrived', () => delivered() === EVENTS);
    await next.stop();
    expect([at, ids()]).toEqual([at, wanted]);
    expect(receiver.faults).toEqual([]);
  }
});

it('A deliverer that is suspended while another one takes over changes nothing when it continues', async () => {
  // Each of these moments is in the middle of the first or the second request.
  for (const at of [8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]) {
    await expire();
    await store.moveTo('w', '0', OPERATOR);
    receiver.requests.length = 0;
    const death = new Death(at);
    const suspended = deliverer(`suspended-${at}`, death);
    await until('it is suspended', () => death.isDead || delivered() === EVENTS);
    await expire();
    let failures = 0;
    receiver.behavior = (...call) => (failures++ % 2 === 0 ? refuse(500) : accept)(...call);
    const next = deliverer(`next-${at}`, new Death(Number.POSITIVE_INFINITY));
    await until('some have arrived', () => delivered() >= 100);
    death.revive();
    await until('all have arrived', () => delivered() === EVENTS);
    receiver.behavior = accept;
    await Promise.all([suspended.stop(), next.stop()]);
    expect([at, ids()]).toEqual([at, wanted]);
    expect(await store.get('w', OPERATOR.identity)).toMatchObject({ state: 'ACTIVE', failingSince: null });
  }
});
