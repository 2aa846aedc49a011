import { describe, expect, it } from 'vitest';
import { isUnsent, retryAfterMsIn } from './attempt.ts';
import { readText } from './read-text.ts';

const failed = (code: string) => Object.assign(new Error(code), { code });
const fetchFailed = (cause: unknown) => new TypeError('fetch failed', { cause });
const NOW = Date.UTC(2026, 0, 31, 12);

describe('isUnsent', () => {
  it.each([
    ['a refused connection', fetchFailed(failed('ECONNREFUSED')), true],
    ['an unknown name', fetchFailed(failed('ENOTFOUND')), true],
    [
      'several addresses, all of which refuse the connection',
      fetchFailed(new AggregateError([failed('ECONNREFUSED'), failed('ECONNREFUSED')])),
      true,
    ],
    ['a connection that was opened, and then reset', fetchFailed(failed('ECONNRESET')), false],
    [
      'two addresses, one of which may have received the request',
      fetchFailed(new AggregateError([failed('ECONNREFUSED'), failed('EPIPE')])),
      false,
    ],
    ['the error of a browser', new TypeError('Failed to fetch'), false],
    ['a timeout', new DOMException('', 'TimeoutError'), false],
    ['something else', 'text', false],
  ])('%s', (_, error, expected) => {
    expect(isUnsent(error)).toBe(expected);
  });
});

describe('retryAfterMsIn', () => {
  const headers = (retryAfter: string, date?: string) =>
    new Headers({ 'Retry-After': retryAfter, ...(date !== undefined && { Date: date }) });
  it.each([
    ['seconds', headers('3'), 3_000],
    ['no time', headers('0'), 0],
    [
      'a date, by the clock that wrote it',
      headers('Sat, 31 Jan 2026 10:00:05 GMT', 'Sat, 31 Jan 2026 10:00:00 GMT'),
      5_000,
    ],
    ['a date, by the local clock', headers('Sat, 31 Jan 2026 12:00:05 GMT'), 5_000],
    ['a date in the past', headers('Sat, 31 Jan 2026 11:00:00 GMT'), 0],
    ['a negative number', headers('-5'), null],
    ['anything else', headers('soon'), null],
    ['nothing', new Headers(), null],
  ])('%s', (_, given, expected) => {
    expect(retryAfterMsIn(given, NOW)).toBe(expected);
  });
});

describe('readText', () => {
  it('reads characters that are divided between chunks', async () => {
    const bytes = new TextEncoder().encode('€');
    const stream = new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
        controller.close();
      },
    });
    expect(await readText(new Response(stream))).toBe('€');
  });
  it('stops reading an endless answer', async () => {
    let sent = 0;
    let isCancelled = false;
    const stream = new ReadableStream({
      pull: (controller) => {
        sent += 1000;
        controller.enqueue(new Uint8Array(1000));
      },
      cancel: () => {
        isCancelled = true;
      },
    });
    await expect(readText(new Response(stream), 10_000)).rejects.toThrow(/more than 10000 bytes/);
    expect(sent).toBeLessThan(20_000);
    expect(isCancelled).toBe(true);
  });
});
