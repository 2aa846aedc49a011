import { afterEach, beforeEach, expect, it } from 'vitest';
import { EventClient } from '../../api/testing/event-client.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { until } from '../../kernel/testing/until.ts';
import { API_KEY, type Role, RolesUnderTest } from '../testing/roles-under-test.ts';
import { SteadyLoad } from '../testing/steady-load.ts';

/** With these settings, a switch-over takes only a moment. */
const SOON = { REDIS_LOST_AFTER_MS: '300', REDIS_STEADY_AFTER_MS: '200' };

let roles: RolesUnderTest;
let pods: Role[];
beforeEach(async () => {
  roles = await RolesUnderTest.start();
  await roles.keeper(SOON);
  pods = [await roles.api(), await roles.api()];
  for (const pod of pods) {
    await pod.ready();
    await pod.worksIn('CACHE');
  }
});
afterEach(() => roles.stop());

const first = (): Role => pods[0] as Role;
const open = (pod: Role, lastEventId?: string, query: Record<string, string> = {}) =>
  EventClient.open(pod.url, { key: API_KEY, query, ...(lastEventId !== undefined && { lastEventId }) });

type Event = EventClient['events'][number];

/**
 * A consumer that is killed after a random number of events, and continues at any pod from the position that it has
 * stored.
 */
class KilledConsumer {
  readonly events: Event[] = [];
  kills = 0;
  #position = '0';
  #stopped = false;
  readonly #running: Promise<void>;

  constructor() {
    this.#running = this.#run();
  }
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
  async #run(): Promise<void> {
    while (!this.#stopped) {
      const pod = pods[Math.floor(Math.random() * pods.length)] as Role;
      const client = await open(pod, this.#position).catch(() => null);
      if (client === null || client.status !== 200) continue;
      let stored = 0;
      const lives = Math.ceil(Math.random() * 40);
      await until('it is killed', () => {
        while (stored < Math.min(client.blocks.length, lives)) this.#store(client.blocks[stored++] ?? {});
        return stored >= lives || client.ended || this.#stopped;
      });
      client.close();
      this.kills += 1;
    }
  }
  #store({ id, event, data }: EventClient['blocks'][number]): void {
    if (data !== undefined && event === undefined) this.events.push(JSON.parse(data) as Event);
    this.#position = id ?? this.#position;
  }
}

const versionsOf = (events: readonly Event[], account: string): unknown[] =>
  events.flatMap(({ data }) =>
    data['sourceAccount'] === account
      ? [data['sourceVersion']]
      : data['destinationAccount'] === account
        ? [data['destinationVersion']]
        : [],
  );

it('A repeatedly killed consumer gets exactly what was committed, through a switch to MySQL and back', async () => {
  const consumer = new KilledConsumer();
  await roles.openAccounts(first());
  const load = new SteadyLoad(first());
  await load.goesOn();
  await roles.redis.kill();
  await first().worksIn('DIRECT');
  await load.goesOn();
  await roles.redis.startAgain();
  await first().worksIn('CACHE');
  await load.goesOn();
  expect(await load.faults(roles)).toEqual([]);
  const stored = await roles.db.database.rows<{ id: string; balance: string; version: string }>(
    'SELECT transaction_id AS id, destination_balance AS balance, destination_version AS version FROM transfers ORDER BY destination_version',
  );
  const transfers = () => consumer.events.filter(({ type }) => type === 'holdfast.transfer.posted');
  await until('it has all events', () => transfers().length >= stored.length);
  await consumer.stop();
  expect(consumer.kills).toBeGreaterThan(3);
  expect(new Set(consumer.events.map(({ id }) => id)).size).toBe(consumer.events.length);
  expect(
    transfers().map(({ subject, data }) => [subject, data['destinationVersion'], data['destinationBalance']]),
  ).toEqual(stored.map(({ id, balance, version }) => [id, Number(version), `${Number(balance) / 100}.00`]));
  const versions = stored.map((_, index) => index + 1);
  expect(versionsOf(transfers(), 'ada')).toEqual(versions);
  expect(versionsOf(transfers(), 'world')).toEqual(versions);
  const opened = consumer.events.filter(({ type }) => type === 'holdfast.account.opened');
  expect(opened.map(({ subject }) => subject).sort()).toEqual(['ada', 'world']);
});

it('A pod that stops ends its streams at once and hands over; its listeners continue at another pod', async () => {
  await roles.openAccounts(first());
  const [leaving, staying] = pods as [Role, Role];
  const clients = await Promise.all(Array.from({ length: 20 }, () => open(leaving, '0')));
  expect((await leaving.transfer(newUuidV7(Date.now()))).status).toBe(201);
  await until('all have the transfer', () =>
    clients.every(({ events }) => events.some(({ type }) => type === 'holdfast.transfer.posted')),
  );
  await leaving.stop();
  expect(clients.map(({ ended, endReason }) => [ended, endReason])).toEqual(Array(20).fill([true, 'shutting_down']));
  expect((await staying.transfer(newUuidV7(Date.now()))).status).toBe(201);
  const [one] = clients;
  const resumed = await open(staying, one?.lastEventId);
  await until('it has the next transfer', () => resumed.events.length === 1);
  expect(resumed.events[0]?.data).toMatchObject({ destinationVersion: 2 });
  resumed.close();
});

it('Events of holds, groups and changes are in filtered streams, and all of them are in the pages', async () => {
  const pod = first();
  await roles.openAccounts(pod);
  await pod.transfer('fund', '100.00');
  const live = await open(pod, '0', { account: 'ada' });
  const hold = { holdId: 'h', account: 'ada', destinationAccount: 'world', amount: '10.00', currency: 'EUR' };
  await pod.request('POST', '/v1/holds', hold);
  await pod.request('POST', '/v1/holds/h/capture', { transactionId: 'c', amount: '4.00' });
  const member = { sourceAccount: 'ada', destinationAccount: 'world', amount: '1.00', currency: 'EUR' };
  await pod.request('POST', '/v1/transfers/group', { groupId: 'g', transfers: [member, member] });
  await pod.transfer('refused', '1000.00', { sourceAccount: 'ada', destinationAccount: 'world' });
  await pod.request('PATCH', '/v1/accounts/ada', { overdraftLimit: '5.00' });
  await until('the last event', () => live.events.some(({ type }) => type === 'holdfast.account.changed'));
  live.close();
  const seen = live.events.map(({ type, subject }) => `${type.slice('holdfast.'.length)} ${subject}`);
  expect([...seen].sort()).toEqual(
    [
      'account.opened ada',
      'transfer.posted fund',
      'hold.placed h',
      'transfer.posted c',
      'group.posted g',
      'transfer.posted g.0',
      'transfer.posted g.1',
      'transfer.rejected refused',
      'account.changed ada',
    ].sort(),
  );
  const changed = live.events.find(({ type }) => type === 'holdfast.account.changed');
  expect(changed?.data).toMatchObject({ currency: 'EUR', overdraftLimit: '5.00', settingsVersion: 2 });

  const found: unknown[] = [];
  for (let after = 'oldest'; ; ) {
    const { status, json } = await pod.request('GET', `/v1/events/page?account=ada&limit=2&after=${after}`);
    expect(status).toBe(200);
    found.push(...(json['items'] as Event[]).map(({ id }) => id));
    after = String(json['nextCursor']);
    if (json['caughtUp']) break;
  }
  expect(found).toEqual(live.events.map(({ id }) => id));
});
