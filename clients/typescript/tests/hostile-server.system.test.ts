import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Holdfast, type HoldfastOptions } from '../src/client.ts';
import { NoAnswerError, OutcomeUnknownError, ProblemError } from '../src/errors.ts';
import { answer, HostileServer, problem } from '../src/testing/hostile-server.ts';

const TRANSFER = { sourceAccount: 'a', destinationAccount: 'b', amount: '1.00', currency: 'EUR' };

let server: HostileServer;
beforeEach(async () => {
  server = await HostileServer.start((_, response) => response.destroy());
});
afterEach(() => server.stop());

const client = (options: Partial<HoldfastOptions> = {}) =>
  new Holdfast({ url: server.url, apiKey: 'secret', ...options });
/** For servers that never give a usable answer: otherwise the test would last a minute. */
const impatient = () => client({ deadlineMs: 2_000, attemptTimeoutMs: 300 });

/** What a correct service answers. */
const posted = (body: string) => ({ ...JSON.parse(body), status: 'POSTED', replayed: false });
const bodies = () => server.requests.filter(({ method }) => method === 'POST').map(({ body }) => body);

describe('A server that', () => {
  it('drops every connection gets the same request every time, and leaves the outcome unknown', async () => {
    const outcome = await impatient().transfers.create(TRANSFER);
    expect(outcome).toMatchObject({ outcome: 'unknown', error: { name: 'NoAnswerError' } });
    expect(new Set(bodies()).size).toBe(1);
    // At the end, the client looked up the outcome.
    expect(server.requests.at(-1)).toMatchObject({
      method: 'GET',
      path: `/v1/transfers/${outcome.request.transactionId}?sourceAccount=a`,
    });
  });

  it('cuts off its first answer gets the same request again, and the transfer is posted', async () => {
    server.handler = (_, response, body) => {
      const whole = JSON.stringify(posted(body));
      if (server.requests.length > 1) return answer(response, 200, posted(body));
      response.writeHead(201, { 'Content-Type': 'application/json', 'Content-Length': whole.length });
      response.write(whole.slice(0, whole.length / 2), () => response.destroy());
    };
    expect(await client().transfers.create(TRANSFER)).toMatchObject({ outcome: 'posted', attempts: 2 });
    expect(new Set(bodies()).size).toBe(1);
  });

  it('sends a truncated body as if it were complete is not trusted', async () => {
    server.handler = (_, response) => {
      response.writeHead(201, { 'Content-Type': 'application/json' }).end('{"transactionId": "');
    };
    expect(await impatient().transfers.create(TRANSFER)).toMatchObject({ outcome: 'unknown' });
  });

  it('answers with the outcome of another transfer is not trusted', async () => {
    server.handler = (_, response, body) =>
      answer(response, 201, body === '' ? problem('transfer_not_found', 404) : { ...posted(body), transactionId: 'x' });
    expect(await impatient().transfers.create(TRANSFER)).toMatchObject({ outcome: 'unknown' });
  });

  it('answers a batch with fewer results than items is not trusted', async () => {
    server.handler = (_, response, body) => {
      if (body === '') return answer(response, 404, problem('transfer_not_found', 404));
      const { transfers } = JSON.parse(body) as { transfers: object[] };
      answer(response, 200, { results: transfers.slice(1).map((one) => ({ ...one, status: 201 })) });
    };
    const outcomes = [];
    for await (const one of impatient().transfers.createMany([TRANSFER, TRANSFER])) outcomes.push(one.outcome);
    expect(outcomes).toEqual(['unknown', 'unknown']);
  });

  it('accepts only small batches and then hangs does not delay the call beyond the deadline', async () => {
    const ids = Array.from({ length: 16 }, (_, i) => ({ ...TRANSFER, transactionId: `t${i}` }));
    server.handler = (_, response, body) => {
      if (body === '') return answer(response, 404, problem('transfer_not_found', 404));
      const { transfers } = JSON.parse(body) as { transfers: object[] };
      if (transfers.length > 1) answer(response, 413, problem('payload_too_large', 413));
    };
    const since = performance.now();
    const outcomes = [];
    for await (const one of impatient().transfers.createMany(ids)) outcomes.push(one.outcome);
    expect(performance.now() - since).toBeLessThan(2_500);
    // Only the first one was sent.
    expect(outcomes).toEqual(['unknown', ...Array(15).fill('failed')]);
  });

  it('answers 503 forever has changed nothing, which the client reports within its deadline', async () => {
    server.handler = (_, response) => answer(response, 503, problem('overloaded', 503), { 'Retry-After': '1' });
    await expect(impatient().transfers.create(TRANSFER)).rejects.toThrow(ProblemError);
    // The client waits for a second each time.
    expect(server.requests.length).toBeLessThanOrEqual(2);
  });

  it('asks the client to wait for a day makes it give up at once', async () => {
    server.handler = (_, response) => answer(response, 503, problem('ledger_closed', 503), { 'Retry-After': '86400' });
    await expect(client({ deadlineMs: 60_000 }).transfers.create(TRANSFER)).rejects.toMatchObject({
      code: 'ledger_closed',
      retryAfterMs: 86_400_000,
    });
    expect(server.requests).toHaveLength(1);
  });

  it('asks the client to wait for a day after a lost attempt leaves the outcome unknown', async () => {
    server.handler = (_, response, body) => {
      if (server.requests.length === 1) return void response.destroy();
      if (body === '') return answer(response, 404, problem('transfer_not_found', 404));
      answer(response, 503, problem('ledger_closed', 503), { 'Retry-After': '86400' });
    };
    expect(await client({ deadlineMs: 60_000 }).transfers.create(TRANSFER)).toMatchObject({
      outcome: 'unknown',
      retryAfterMs: 86_400_000,
    });
    expect(server.requests).toHaveLength(3);
  });

  it('never answers does not delay the call beyond the deadline', async () => {
    server.handler = () => undefined;
    expect(await impatient().transfers.create(TRANSFER)).toMatchObject({ outcome: 'unknown' });
  });

  it('never ends its answer does not delay the call beyond the deadline', async () => {
    server.handler = (_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' }).write('{');
    };
    await expect(impatient().accounts.get('a')).rejects.toThrow(NoAnswerError);
  });

  it('loses a reversal and refuses the next attempt leaves the outcome unknown: the lost one may still arrive', async () => {
    server.handler = (_, response) => {
      if (server.requests.length === 1) return void response.destroy();
      answer(response, 422, problem('insufficient_funds', 422));
    };
    const reversal = { transactionId: 'mine' };
    const outcome = await client().transfers.reverse(reversal);
    expect(outcome).toMatchObject({ outcome: 'unknown', error: { code: 'insufficient_funds' }, attempts: 2 });
    expect(await client().transfers.reverse(reversal)).toMatchObject({ outcome: 'rejected', attempts: 1 });
  });

  it('redirects to another address does not make the client send the key and the transfer there', async () => {
    const other = await HostileServer.start((_, response, body) => answer(response, 201, posted(body)));
    try {
      server.handler = (_, response) => response.writeHead(307, { Location: `${other.url}/v1/transfers` }).end();
      await expect(client().transfers.create(TRANSFER)).rejects.toMatchObject({ name: 'NoAnswerError', status: 307 });
      expect(other.requests).toEqual([]);
    } finally {
      await other.stop();
    }
  });

  it('is not running has certainly changed nothing', async () => {
    const gone = await HostileServer.start(() => undefined);
    const { url } = gone;
    await gone.stop();
    await expect(client({ url, deadlineMs: 1_000 }).transfers.create(TRANSFER)).rejects.toThrow(NoAnswerError);
  });

  it('answers 503 gets the next attempt with a new key from the key function', async () => {
    const keys = ['old', 'new'];
    server.handler = (request, response, body) => {
      if (request.headers.authorization === 'Bearer old')
        return answer(response, 503, problem('issuer_unavailable', 503), { 'Retry-After': '0' });
      answer(response, 201, posted(body));
    };
    const apiKey = async () => keys.shift() ?? 'none';
    expect(await client({ apiKey }).transfers.create(TRANSFER)).toMatchObject({ outcome: 'posted', attempts: 2 });
  });

  it('needs a key gets no request while the key function fails', async () => {
    const apiKey = async () => {
      throw new Error('the token endpoint is down');
    };
    await expect(client({ apiKey, deadlineMs: 1_000 }).transfers.create(TRANSFER)).rejects.toThrow(
      /the token endpoint is down/,
    );
    expect(server.requests).toEqual([]);
  });
});

describe('A request', () => {
  it('has the same correlation id in all attempts, and each attempt is reported', async () => {
    const reports: object[] = [];
    server.handler = (_, response, body) => {
      if (server.requests.length === 1) return void response.destroy();
      answer(response, 201, posted(body));
    };
    await client({ onAttempt: (report) => reports.push(report) }).transfers.create(TRANSFER, { correlationId: 'mine' });
    expect(server.requests.map(({ headers }) => headers['x-correlation-id'])).toEqual(['mine', 'mine']);
    expect(reports).toMatchObject([
      { method: 'POST', path: '/v1/transfers', status: null, correlationId: 'mine' },
      { method: 'POST', path: '/v1/transfers', status: 201, correlationId: 'mine' },
    ]);
  });

  it('that changes a hold has the same correlation id as the look-up that follows', async () => {
    server.handler = (request, response) => {
      if (request.method === 'GET') return answer(response, 404, problem('hold_not_found', 404));
      if (server.requests.length === 1) return void response.destroy();
      answer(response, 412, problem('hold_changed', 412));
    };
    const change = client().holds.change('h', { amount: '1.00' }, { revision: 1 });
    await expect(change).rejects.toThrow(OutcomeUnknownError);
    expect(server.requests.map(({ method }) => method)).toEqual(['PATCH', 'PATCH', 'GET']);
    expect(new Set(server.requests.map(({ headers }) => headers['x-correlation-id'])).size).toBe(1);
  });

  it('can be abandoned while it is in progress, and is then in doubt', async () => {
    const controller = new AbortController();
    server.handler = () => controller.abort(new Error('the user has left'));
    const outcome = await client().transfers.create(TRANSFER, { signal: controller.signal });
    expect(outcome).toMatchObject({ outcome: 'unknown', error: { message: 'the user has left' }, attempts: 1 });
  });

  it("gets an id with the time of the service's clock", async () => {
    const theirs = new Date(Date.now() + 3_600_000);
    server.handler = (_, response, body) => answer(response, 201, posted(body), { Date: theirs.toUTCString() });
    const holdfast = client();
    await holdfast.transfers.create(TRANSFER);
    await holdfast.transfers.create(TRANSFER);
    const times = bodies().map((body) => {
      const { transactionId } = JSON.parse(body) as { transactionId: string };
      return Number.parseInt(transactionId.replace('-', '').slice(0, 12), 16);
    });
    expect(times[0]).toBeLessThan(theirs.getTime() - 3_000_000);
    expect(Math.abs((times[1] ?? 0) - theirs.getTime())).toBeLessThan(60_000);
  });
});

describe('The address of the service', () => {
  it.each([['ftp://x'], ['http://user:secret@x'], ['http://x?y'], ['http://x#y'], ['x']])('%s is refused', (url) => {
    expect(() => client({ url })).toThrow(TypeError);
  });
  it('may have a path, with or without /v1', async () => {
    server.handler = (_, response) => answer(response, 200, { accountId: 'a' });
    for (const path of ['/ledger', '/ledger/', '/ledger/v1', '/ledger/v1/'])
      await client({ url: server.url + path }).accounts.get('a');
    expect(new Set(server.requests.map(({ path }) => path))).toEqual(new Set(['/ledger/v1/accounts/a']));
  });
});
