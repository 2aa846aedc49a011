import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiUnderTest, keyWith } from '../testing/api-under-test.ts';

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

  it('is at most as long as allowed, and its sender gets to read that', async () => {
    const reply = await send(JSON.stringify({ reference: 'x'.repeat(70_000) }));
    expect(reply).toMatchObject({ status: 413, json: { code: 'payload_too_large' } });
    expect(reply.headers.get('connection')).toBe('close');
  });
  it('is refused at once while others hold all the memory there is for bodies', async () => {
    const holders = Array.from({ length: 64 }, () => sendRaw('Content-Length: 65536\r\n\r\n{'));
    const code = async () => (await send(JSON.stringify(transfer))).json['code'];
    await expect.poll(code).toBe('overloaded');
    for (const holder of holders) holder.destroy();
    await expect.poll(code).toBeUndefined();
  });
  it('that is far too long is not read to its end, announced or not', async () => {
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
  ])('of the type %s is taken', async (type) => {
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
  ])('of the type %s is refused', async (type) => {
    const reply = await send('{}', { 'Content-Type': type });
    expect(reply).toMatchObject({ status: 415, json: { code: 'unsupported_media_type' } });
  });
  it('is not compressed', async () => {
    expect(await send('{}', { 'Content-Encoding': 'gzip' })).toMatchObject({ status: 415 });
    expect(await send(JSON.stringify(transfer), { 'Content-Encoding': 'IDENTITY' })).toMatchObject({ status: 201 });
  });
  it('is UTF-8, with or without a byte order mark', async () => {
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
  it('has no member twice', async () => {
    const text = JSON.stringify(transfer).replace('}', ',"amount":"900.00"}');
    expect(await send(text)).toMatchObject({ status: 400, json: { errors: [{ pointer: '/amount' }] } });
    const batch = await api.request('POST', '/v1/transfers/batch', { raw: `{"transfers":[${text}]}` });
    expect(batch).toMatchObject({ status: 400, json: { errors: [{ pointer: '/transfers/0/amount' }] } });
    expect(api.ledger.applied).toEqual([]);
  });
  it('is refused with the reason when it cannot be read', async () => {
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
  it('may come in many pieces', async () => {
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
  it('that never becomes whole is nobody to be answered, and no error of ours', async () => {
    const socket = sendRaw('Content-Length: 100\r\n\r\n{"a"');
    await once(socket, 'connect');
    await new Promise<void>((resolve) => socket.end(resolve));
    socket.destroy();
    await expect.poll(() => api.observed).toMatchObject([{ route: '/v1/transfers', status: 499 }]);
    expect(api.logged).toEqual([]);
  });
});
