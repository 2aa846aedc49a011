import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiUnderTest, connectionsOf, keyWith } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
beforeEach(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { balance: 1000 });
  api.ledger.open('b');
});
afterEach(() => api.stop());

const transfer = { sourceAccount: 'a', destinationAccount: 'b', amount: '1.00', currency: 'EUR' };

describe('a body', () => {
  const sendRaw = (rest: string) => {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    const headers = `Host: x\r\nAuthorization: Bearer ${keyWith('transfers:write')}\r\nContent-Type: application/json`;
    socket.write(`POST /v1/transfers HTTP/1.1\r\n${headers}\r\n${rest}`);
    return socket;
  };
  const send = (raw: string | Uint8Array, headers: Record<string, string> = {}) =>
    api.request('POST', '/v1/transfers', { raw, headers });

  it('has a maximum length, and its sender can read the rejection', async () => {
    const reply = await send(JSON.stringify({ reference: 'x'.repeat(70_000) }));
    expect(reply).toMatchObject({ status: 413, json: { code: 'payload_too_large' } });
    expect(reply.headers.get('connection')).toBe('close');
  });
  it('takes memory only for the part that has arrived, and is rejected when no memory is left', async () => {
    const announced = Array.from({ length: 90 }, () => sendRaw('Content-Length: 65536\r\n\r\n{'));
    const status = async () => (await send(JSON.stringify(transfer))).status;
    expect(await status()).toBe(201);
    for (const socket of announced) socket.destroy();
    // Only 64 bodies of 64 KiB may be pending; each of these has arrived except for its last byte.
    const holders = Array.from({ length: 65 }, () => sendRaw(`Content-Length: 65536\r\n\r\n{${' '.repeat(65_534)}`));
    await expect.poll(() => api.problems).toEqual(['overloaded']);
    for (const holder of holders) holder.destroy();
    await expect.poll(() => api.observed.filter((seen) => seen.status === 499)).toHaveLength(154);
    expect(await status()).toBe(201);
  });
  it('that arrives byte by byte takes no more memory than any other', async () => {
    const text = JSON.stringify(transfer);
    const chunks = [...text].map((byte) => `1\r\n${byte}\r\n`).join('');
    const filler = '1\r\n \r\n'.repeat(60_000);
    const sockets = Array.from({ length: 20 }, () => sendRaw('Transfer-Encoding: chunked\r\n\r\n'));
    for (const socket of sockets) socket.write(`${filler}${chunks}0\r\n\r\n`);
    const answers = await Promise.all(sockets.map(async (socket) => String((await once(socket, 'data'))[0])));
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 (201|422) /);
    for (const socket of sockets) socket.destroy();
  });
  it('that trickles in is aborted with 408', async () => {
    const monotonic = api.clock.monotonic.bind(api.clock);
    let passed = 0;
    api.clock.monotonic = () => monotonic() + passed;
    const sweeps: (() => void)[] = [];
    api.clock.after = (_ms, action) => {
      sweeps.push(action);
      return () => {};
    };
    const slow = sendRaw('Content-Length: 65536\r\n\r\n{');
    const faster = sendRaw(`Content-Length: 65536\r\n\r\n{${' '.repeat(65_500)}`);
    await expect.poll(() => sweeps).toHaveLength(1);
    await expect.poll(() => connectionsOf(api.server)).toBe(2);
    sweeps.pop()?.();
    passed += 10_100;
    const answer = once(slow, 'data');
    // One second per 64 KiB: a client that has sent more gets more time.
    await expect
      .poll(() => {
        sweeps.pop()?.();
        return api.problems;
      })
      .toEqual(['request_timeout']);
    expect(String((await answer)[0])).toMatch(/^HTTP\/1\.1 408 [\s\S]*Connection: close\r\n/);
    faster.write(`${' '.repeat(34)}}`);
    expect(String((await once(faster, 'data'))[0])).toMatch(/^HTTP\/1\.1 400 /);
    slow.destroy();
    faster.destroy();
  });
  it('is accepted from a thousand clients at once, in chunks or whole', async () => {
    await api.stop();
    api = await ApiUnderTest.start({
      limits: { ...api.deps.limits, requestsInFlightMax: 5_000, requestsInFlightBusyMax: 5_000 },
    });
    api.ledger.open('a', { balance: 1_000_000 });
    api.ledger.open('b');
    const text = JSON.stringify({ ...transfer, amount: '0.01' });
    const half = text.length >> 1;
    const chunk = (part: string) => `${part.length.toString(16)}\r\n${part}\r\n`;
    const chunked = Array.from({ length: 1_000 }, () =>
      sendRaw(`Transfer-Encoding: chunked\r\n\r\n${chunk(text.slice(0, half))}`),
    );
    const whole = Array.from({ length: 1_000 }, () => sendRaw(`Content-Length: ${text.length}\r\n\r\n${text}`));
    const statuses = async (sockets: Socket[]) => {
      const answers = await Promise.all(sockets.map(async (socket) => String((await once(socket, 'data'))[0])));
      return new Set(answers.map((answer) => answer.slice(9, 12)));
    };
    expect(await statuses(whole)).toEqual(new Set(['201']));
    for (const socket of chunked) socket.write(`${chunk(text.slice(half))}0\r\n\r\n`);
    expect(await statuses(chunked)).toEqual(new Set(['201']));
    for (const socket of [...chunked, ...whole]) socket.destroy();
  }, 60_000);
  it('of a single item is limited to 64 KiB, and a list to the configured limit', async () => {
    await api.stop();
    api = await ApiUnderTest.start({ limits: { ...api.deps.limits, bodyBytesMax: 1_000_000 } });
    const padded = (length: number) => `{}${' '.repeat(length - 2)}`;
    const lists = ['/v1/accounts/batch', '/v1/balances/query', '/v1/transfers/batch'];
    const singles: [string, string][] = [
      ['POST', '/v1/accounts'],
      ['PATCH', '/v1/accounts/a'],
      ['POST', '/v1/transfers'],
      ['POST', '/v1/transfers/t/reversal'],
      ['POST', '/v1/ops/loss-acceptances'],
    ];
    for (const path of lists) {
      expect((await api.request('POST', path, { raw: padded(1_000_000) })).status).toBe(400);
      expect((await api.request('POST', path, { raw: padded(1_000_001) })).status).toBe(413);
    }
    for (const [method, path] of singles) {
      expect((await api.request(method, path, { raw: padded(65_536) })).status).not.toBe(413);
      expect((await api.request(method, path, { raw: padded(65_537) })).status).toBe(413);
    }
  });
  it('that is far too long is not read to its end, with or without a Content-Length', async () => {
    const chunk = `ffff\r\n${'x'.repeat(0xffff)}\r\n`;
    for (const rest of ['Content-Length: 99999999\r\n\r\n', `Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(8)}`]) {
      const socket = sendRaw(rest);
      const [answer] = await once(socket, 'data');
      expect(String(answer)).toMatch(/^HTTP\/1\.1 413 /);
      socket.destroy();
    }
  });
  it.each([
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'application/json; charset="utf-8"',
    'application/json; charset= utf-8',
    'application/json; charset=utf8',
    'application/json; odata=verbose; charset=utf-8',
    'Application/JSON; Charset=UTF-8',
    'application/vnd.holdfast+json',
  ])('of the type %s is accepted', async (type) => {
    expect(await send(JSON.stringify(transfer), { 'Content-Type': type })).toMatchObject({ status: 201 });
  });
  it.each([
    'text/plain',
    'application/json; charset=latin1',
    'application/json; charset="utf-16"',
    'application/json, application/json',
    'application/xml',
    'application/jsonx',
    'application/+json2',
    'json',
    `application/json; a=${'x'.repeat(8000)}`,
  ])('of the type %s is rejected', async (type) => {
    const reply = await send('{}', { 'Content-Type': type });
    expect(reply).toMatchObject({ status: 415, json: { code: 'unsupported_media_type' } });
  });
  it('must not be compressed', async () => {
    expect(await send('{}', { 'Content-Encoding': 'gzip' })).toMatchObject({ status: 415 });
    expect(await send(JSON.stringify(transfer), { 'Content-Encoding': 'IDENTITY' })).toMatchObject({ status: 201 });
  });
  it('must be UTF-8, with or without a byte order mark', async () => {
    const text = JSON.stringify(transfer);
    expect(await send(`\ufeff${text}`)).toMatchObject({ status: 201 });
    const bad = await send(new Uint8Array([0x22, 0xff, 0x22]));
    expect(bad).toMatchObject({ status: 400, json: { detail: 'The body is not valid UTF-8.' } });
    for (const wide of [Buffer.from(text, 'utf16le'), Buffer.from(`\ufeff${text}`, 'utf16le')]) {
      for (const bytes of [wide, Buffer.from(wide).swap16()]) {
        expect(await send(bytes)).toMatchObject({
          status: 400,
          json: { detail: 'The body is encoded in UTF-16 or UTF-32. Send it in UTF-8.' },
        });
      }
    }
  });
  it('must not have duplicate members', async () => {
    const text = JSON.stringify(transfer).replace('}', ',"amount":"900.00"}');
    expect(await send(text)).toMatchObject({ status: 400, json: { errors: [{ pointer: '/amount' }] } });
    const batch = await api.request('POST', '/v1/transfers/batch', { raw: `{"transfers":[${text}]}` });
    expect(batch).toMatchObject({ status: 400, json: { errors: [{ pointer: '/transfers/0/amount' }] } });
    expect(api.ledger.applied).toEqual([]);
  });
  it('is rejected with the reason if it cannot be read', async () => {
    expect(await send('{"a":')).toMatchObject({
      status: 400,
      json: { code: 'validation_failed', detail: expect.stringMatching(/^The body is not valid JSON: /) },
    });
    expect(await api.request('POST', '/v1/transfers')).toMatchObject({
      status: 400,
      json: { detail: 'The body is missing.' },
    });
    expect(await send('[]')).toMatchObject({ status: 400, json: { detail: 'The request must be an object.' } });
    expect(await send('null')).toMatchObject({ status: 400, json: { detail: 'The request must be an object.' } });
  });
  it('may arrive in many pieces', async () => {
    const pieces = JSON.stringify(transfer).match(/.{1,20}/g) ?? [];
    const stream = new ReadableStream({
      async start(controller) {
        for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
        controller.close();
      },
    });
    const headers = { Authorization: `Bearer ${keyWith('transfers:write')}`, 'Content-Type': 'application/json' };
    const init = { method: 'POST', headers, body: stream, duplex: 'half' };
    expect((await fetch(`${api.url}/v1/transfers`, init as RequestInit)).status).toBe(201);
  });
  it('that is never completed is neither answered nor counted as an internal error', async () => {
    const socket = sendRaw('Content-Length: 100\r\n\r\n{"a"');
    await once(socket, 'connect');
    await new Promise<void>((resolve) => socket.end(resolve));
    socket.destroy();
    await expect.poll(() => api.observed).toMatchObject([{ route: '/v1/transfers', status: 499 }]);
    expect(api.logged).toEqual([]);
  });
});
