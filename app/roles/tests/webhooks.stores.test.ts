import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../../kernel/testing/until.ts';
import { accept, hang, Receiver, refuse } from '../../webhooks/testing/receiver.ts';
import { API_KEY, type Role, RolesUnderTest } from '../testing/roles-under-test.ts';
import { SteadyLoad } from '../testing/steady-load.ts';

/** With these settings, a switch-over takes only a moment. */
const SOON = { REDIS_LOST_AFTER_MS: '300', REDIS_STEADY_AFTER_MS: '200' };
const LOCAL = { WEBHOOK_HTTP: 'allowed', WEBHOOK_ALLOWED_RANGES: '127.0.0.0/8' };

let roles: RolesUnderTest;
let pod: Role;
const receivers: Receiver[] = [];
beforeEach(async () => {
  roles = await RolesUnderTest.start();
  await roles.keeper(SOON);
  pod = await roles.api(LOCAL);
  await pod.ready();
  await pod.worksIn('CACHE');
});
afterEach(async () => {
  for (const receiver of receivers.splice(0)) await receiver.kill();
  await roles.stop();
});

async function newReceiver(): Promise<Receiver> {
  const receiver = await Receiver.start();
  receivers.push(receiver);
  return receiver;
}

/** Creates a webhook that leads to a receiver, which verifies the signatures. */
async function subscribe(receiver: Receiver, webhookId: string, more: object = {}, key = API_KEY) {
  const body = { webhookId, url: receiver.url, after: 'oldest', ...more };
  const { status, json } = await pod.request('POST', '/v1/webhooks', body, key);
  expect([status, json]).toEqual([201, expect.objectContaining({ webhookId })]);
  receiver.secrets.push(String(json['secret']));
}
const webhook = async (webhookId: string) => (await pod.request('GET', `/v1/webhooks/${webhookId}`)).json;
const deliveries = async (webhookId: string) =>
  (await pod.request('GET', `/v1/webhooks/${webhookId}/deliveries?limit=1000`)).json['items'] as Record<
    string,
    unknown
  >[];
const posted = (receiver: Receiver) => receiver.events.filter(({ type }) => type === 'holdfast.transfer.posted');

it('A receiver that fails a third of its calls gets exactly what was committed, in order, through a switch-over', async () => {
  const receiver = await newReceiver();
  await subscribe(receiver, 'w');
  const kinds = [refuse(500), refuse(302, { Location: 'http://127.0.0.1:1/' }), refuse(404)];
  receiver.behavior = (response, request, self) => {
    // The first request fails, then every third one, each in another way.
    const turn = self.requests.length - 1;
    if (turn % 3 !== 0) return accept(response, request, self);
    const failure = (turn / 3) % 5;
    // The receiver processes the events, and then breaks the connection, so the events are sent again.
    if (failure === 3) request.socket.destroy();
    return failure === 4 ? hang(response, request, self) : (kinds[failure]?.(response, request, self) ?? true);
  };
  const settings = { WEBHOOK_REQUEST_TIMEOUT_MS: '300' };
  const deliverers = [await roles.webhooks(settings), await roles.webhooks(settings)];
  await roles.openAccounts(pod);
  const load = new SteadyLoad(pod);
  await load.goesOn();
  await roles.redis.kill();
  await pod.worksIn('DIRECT');
  await load.goesOn();
  await deliverers[0]?.stop();
  await roles.redis.startAgain();
  await pod.worksIn('CACHE');
  await load.goesOn();
  expect(await load.faults(roles)).toEqual([]);
  const stored = await roles.db.database.rows<{ id: string }>(
    'SELECT transaction_id AS id FROM transfers ORDER BY destination_version',
  );
  await until('all have arrived', () => posted(receiver).length >= stored.length);
  expect(posted(receiver).map(({ subject }) => subject)).toEqual(stored.map(({ id }) => id));
  expect(posted(receiver).map(({ data }) => data['destinationVersion'])).toEqual(stored.map((_, index) => index + 1));
  expect(receiver.faults).toEqual([]);
  expect(receiver.inFlightMax).toBe(1);
  expect((await deliveries('w')).some(({ failure }) => failure !== null)).toBe(true);
});

it('Receivers that hang, are unreachable, or send endless responses do not delay the others', async () => {
  const [good, hanging, flooding, away] = [
    await newReceiver(),
    await newReceiver(),
    await newReceiver(),
    await newReceiver(),
  ];
  hanging.behavior = hang;
  flooding.behavior = (response) => {
    response.writeHead(500);
    const flood = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', flood);
    flood();
    return false;
  };
  for (let index = 0; index < 5; index++) {
    await subscribe(hanging, `hanging-${index}`);
    await subscribe(flooding, `flooding-${index}`);
  }
  await subscribe(away, 'away');
  await away.kill();
  await subscribe(good, 'good');
  await roles.webhooks({ WEBHOOK_REQUEST_TIMEOUT_MS: '60000' });
  await roles.openAccounts(pod);
  await until('others have failed', () => hanging.requests.length === 5 && flooding.requests.length >= 5);
  for (let count = 1; count <= 20; count++) {
    await pod.transfer(`t${count}`);
    await until('it has arrived', () => posted(good).length === count);
  }
  // The first requests to the receivers that hang are still in progress.
  expect(hanging.requests).toHaveLength(5);
  expect(posted(good).map(({ subject }) => subject)).toEqual(Array.from({ length: 20 }, (_, index) => `t${index + 1}`));
  expect((await webhook('away'))['failingSince']).not.toBeNull();
  await away.listen();
  await pod.request('POST', '/v1/webhooks/away/resume');
  await until('the receiver that was unreachable has all transfers', () => posted(away).length === 20);
});

it('Deliveries that fail for a long time stop at their position, and continue when they are resumed', async () => {
  const receiver = await newReceiver();
  receiver.behavior = refuse(500);
  await subscribe(receiver, 'w');
  const deliverer = await roles.webhooks({ WEBHOOK_RETRY_FOR_MS: '1000' });
  await roles.openAccounts(pod);
  await until('it is stopped', async () => (await webhook('w'))['state'] === 'STOPPED');
  expect(await webhook('w')).toMatchObject({ stopReason: 'failing', lastSuccessAt: null });
  expect(deliverer.context.messages('error')).toEqual(['deliveries to a webhook were stopped']);
  const metrics = () => deliverer.context.process.metrics.text();
  await until('the metric shows it', async () => /^holdfast_webhooks_stopped 1$/m.test(await metrics()));
  const attempts = receiver.requests.length;
  // A test event is still sent, and shows that the receiver works again.
  receiver.behavior = accept;
  await pod.request('POST', '/v1/webhooks/w/test');
  await until('the test event has arrived', () => receiver.requests.length === attempts + 1);
  expect(receiver.requests.at(-1)?.events).toMatchObject([{ type: 'holdfast.webhook.test', subject: 'w' }]);
  await until('it is in the list', async () => (await deliveries('w'))[0]?.['kind'] === 'test');
  expect((await webhook('w'))['state']).toBe('STOPPED');
  expect((await pod.request('POST', '/v1/webhooks/w/resume')).json['state']).toBe('ACTIVE');
  await until('the events have arrived', () => receiver.events.length === 3);
  expect(receiver.faults).toEqual([]);
});

it('Requests are no longer signed with the old secret once its overlap has passed', async () => {
  const receiver = await newReceiver();
  await subscribe(receiver, 'w', { types: ['holdfast.transfer.posted'] });
  await roles.webhooks();
  await roles.openAccounts(pod);
  const { json } = await pod.request('POST', '/v1/webhooks/w/rotate', { overlapSeconds: 1 });
  receiver.secrets.push(String(json['secret']));
  let sent = 0;
  await until('there is one signature', async () => {
    await pod.transfer(`s${++sent}`);
    await until('the transfer has arrived', () => receiver.events.some(({ subject }) => subject === `s${sent}`));
    return String(receiver.requests.at(-1)?.headers['webhook-signature']).split(' ').length === 1;
  });
  expect((await webhook('w'))['validSecrets']).toBe(1);
  expect(receiver.faults).toEqual([]);
});

it('Webhooks get only the events that they select, and can be changed, replayed and given new secrets', async () => {
  const receiver = await newReceiver();
  await subscribe(receiver, 'w', { accounts: ['bob'], types: ['holdfast.transfer.posted'] });
  await roles.webhooks();
  await roles.openAccounts(pod);
  await pod.request('POST', '/v1/accounts', { accountId: 'bob', currency: 'EUR' });
  await pod.transfer('a1');
  await pod.transfer('b1', '1.00', { destinationAccount: 'bob', reference: 'Rechnung' });
  await until('the first has arrived', () => receiver.events.length === 1);
  const rotated = await pod.request('POST', '/v1/webhooks/w/rotate', {});
  await pod.request('PATCH', '/v1/webhooks/w', { accounts: null, details: true });
  await until('both secrets are known', async () => (await webhook('w'))['validSecrets'] === 2);
  // The receiver knows only one of the two secrets at any time.
  await pod.transfer('b2', '1.00', { destinationAccount: 'bob', reference: 'Rechnung' });
  await until('the next has arrived', () => receiver.events.some(({ subject }) => subject === 'b2'));
  receiver.secrets = [String(rotated.json['secret'])];
  await pod.transfer('a2', '1.00', { reference: 'Rechnung' });
  await until('the third has arrived', () => receiver.events.some(({ subject }) => subject === 'a2'));
  expect(receiver.events.map(({ subject, data }) => [subject, data['reference']])).toEqual([
    ['b1', undefined],
    ['b2', 'Rechnung'],
    ['a2', 'Rechnung'],
  ]);
  const before = receiver.requests.length;
  expect((await pod.request('POST', '/v1/webhooks/w/replay', { after: 'oldest' })).status).toBe(200);
  await until('all have arrived again', () => {
    const again = receiver.requests.slice(before).flatMap(({ events }) => events.map(({ subject }) => subject));
    return ['a1', 'b1', 'b2', 'a2'].every((id) => again.includes(id));
  });
  await pod.request('DELETE', '/v1/webhooks/w');
  await pod.transfer('a3');
  await until('it is forgotten', async () => {
    const held = await roles.db.database.rows('SELECT 1 FROM webhooks');
    return held.length === 0;
  });
  expect(receiver.events.map(({ subject }) => subject)).not.toContain('a3');
  expect(receiver.faults).toEqual([]);
});

it('A webhook of a restricted key gets only what the key may see, and nothing once the key is revoked', async () => {
  const receiver = await newReceiver();
  const wanted = { keyId: 'tenant', user: 'acme', scopes: ['webhooks:write'], accountPrefixes: ['acme:'] };
  const { json: issued } = await pod.request('POST', '/v1/ops/keys', wanted);
  await subscribe(receiver, 'w', {}, String(issued['secret']));
  const deliverer = await roles.webhooks();
  await roles.openAccounts(pod);
  await pod.request('POST', '/v1/accounts', { accountId: 'acme:1', currency: 'EUR' });
  await pod.transfer('foreign', '777.77');
  const own = { sourceAccount: 'ada', destinationAccount: 'acme:1' };
  await pod.transfer('own', '7.00', own);
  const member = { ...own, amount: '1.00', currency: 'EUR' };
  const foreign = { ...member, destinationAccount: 'world' };
  await pod.request('POST', '/v1/transfers/group', { groupId: 'mixed', transfers: [member, foreign] });
  await pod.request('POST', '/v1/transfers/group', { groupId: 'last', transfers: [member, member] });
  await until('they have arrived', () => receiver.events.some(({ subject }) => subject === 'last.1'));
  expect(receiver.events.map(({ subject }) => subject)).toEqual(['acme:1', 'own', 'mixed.0', 'last.0', 'last.1']);
  const [transfer] = posted(receiver);
  expect(transfer?.data).toMatchObject({ sourceAccount: 'ada', destinationBalance: '7.00', destinationVersion: 1 });
  for (const { data } of receiver.events)
    expect(JSON.stringify(data)).not.toMatch(/777\.77|sourceBalance|sourceVersion|heldAfter/);

  await pod.request('POST', '/v1/ops/keys/tenant/revoke');
  await until('it is stopped', async () => (await webhook('w'))['stopReason'] === 'key_revoked');
  await pod.transfer('later', '1.00', own);
  await deliverer.stop();
  await roles.webhooks();
  const resumed = await pod.request('POST', '/v1/webhooks/w/resume');
  expect(resumed.json['state']).toBe('ACTIVE');
  await until('an operator has resumed it', () => receiver.events.some(({ subject }) => subject === 'later'));
});

it('A deliverer that is asked to stop ends within its grace period, and another one takes over', async () => {
  const receiver = await newReceiver();
  receiver.behavior = hang;
  await subscribe(receiver, 'w');
  const first = await roles.webhooks({ SHUTDOWN_GRACE_MS: '10000', WEBHOOK_REQUEST_TIMEOUT_MS: '60000' });
  await roles.openAccounts(pod);
  await until('a request is in progress', () => receiver.requests.length === 1);
  await first.stop();
  receiver.behavior = accept;
  await roles.webhooks();
  await until('they have arrived', () => receiver.events.length === 2);
  await until('the delivery is recorded', async () => (await deliveries('w')).length > 0);
  // The aborted request does not count as an attempt.
  expect((await deliveries('w')).map(({ failure }) => failure)).toEqual([null]);
});
