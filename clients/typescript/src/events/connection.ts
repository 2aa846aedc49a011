import type { Call, Caller } from '../calls.ts';
import { NoAnswerError } from '../errors.ts';
import { verdictOf } from '../retry/verdict.ts';
import { type Block, blocksOf } from './event-source.ts';

/** The service sends something every 15 seconds. A connection that has been silent for this long is dead. */
const SILENCE_MS_MAX = 45_000;
const CONNECT_TIMEOUT_MS = 15_000;

/** How a connection ended, or why there is none. */
export interface End {
  /** Null if the service ended it on purpose. */
  readonly error: Error | null;
  readonly retryAfterMs: number | null;
  /** True if reconnecting would not help. */
  readonly isFinal: boolean;
}

/**
 * The blocks of one connection to the feed, and then how it ended. Closing the generator closes the connection.
 * @param path with the filters
 * @param cursor where to continue; null: as specified by the path
 */
export async function* connection(
  caller: Caller,
  call: Call,
  path: string,
  cursor: string | null,
): AsyncGenerator<Block, End, undefined> {
  const { correlationId, signal } = call;
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  try {
    const headers = { Accept: 'text/event-stream', ...(cursor !== null && { 'Last-Event-ID': cursor }) };
    const limits = { timeoutMs: CONNECT_TIMEOUT_MS, signal: controller.signal };
    const opened = await caller.transport.open({ method: 'GET', path, headers, correlationId }, limits);
    if (!(opened instanceof Response)) return refusedAs(verdictOf<never>(opened, correlationId, () => null));
    const isStream = opened.headers.get('content-type')?.startsWith('text/event-stream');
    if (!isStream || opened.body === null) {
      const error = new NoAnswerError(
        `The answer ${opened.status} is not an event stream`,
        correlationId,
        opened.status,
      );
      return { error, retryAfterMs: null, isFinal: false };
    }
    return yield* unlessSilent(caller, blocksOf(opened.body), (reason) => controller.abort(reason));
  } finally {
    signal?.removeEventListener('abort', abort);
    controller.abort(new Error('closed'));
  }
}

function refusedAs(verdict: ReturnType<typeof verdictOf<never>>): End {
  if (verdict.verdict === 'again') return { error: verdict.error, retryAfterMs: verdict.retryAfterMs, isFinal: false };
  const error = verdict.verdict === 'failed' ? verdict.error : new Error('the service refused the stream');
  return { error, retryAfterMs: null, isFinal: true };
}

async function* unlessSilent(
  { clock }: Caller,
  blocks: AsyncGenerator<Block>,
  abort: (reason: Error) => void,
): AsyncGenerator<Block, End, undefined> {
  for (;;) {
    const arrived = new AbortController();
    void clock.sleep(SILENCE_MS_MAX, arrived.signal).then(() => {
      if (!arrived.signal.aborted) abort(new Error(`nothing has arrived for ${SILENCE_MS_MAX} ms`));
    });
    try {
      const next = await blocks.next();
      if (next.done) return { error: null, retryAfterMs: null, isFinal: false };
      arrived.abort();
      yield next.value;
    } catch (error) {
      return { error: error instanceof Error ? error : new Error(String(error)), retryAfterMs: null, isFinal: false };
    } finally {
      arrived.abort();
    }
  }
}
