import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';

/** Maximum number of streams that a pod sends at the same time. Each one reads from MySQL in short queries, as fast as its client reads. */
const STREAMS_MAX = 16;
/** A client that is slower than this is cut off, so that a few slow clients cannot occupy all streams forever. */
const STREAM_MS_MAX = 30 * 60_000;

/** A response body that is generated while it is sent. */
export interface StreamedContent {
  type: string;
  chunks: AsyncIterable<string>;
}

/** A place for a stream, to be released when the request is over, whether or not the stream was sent. */
export interface StreamSlot {
  /** Sends the chunks as fast as the client reads them. @returns an error if the client did not get all of them */
  send(response: ServerResponse, content: StreamedContent): Promise<unknown>;
  release(): void;
}

/**
 * Responses of any length. They may last for minutes, so they have a limit of their own, and a pod that shuts down does
 * not wait for them: it closes their connections, and their clients see an incomplete response.
 */
export class Streams {
  readonly #clock: Clock;
  readonly #open = new Set<AbortController>();
  #ended = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#open.size;
  }

  /** @throws Problem overloaded, shutting_down */
  open(): StreamSlot {
    if (this.#ended) throw new Problem('shutting_down', 'This pod is shutting down. Send the same request again.');
    if (this.#open.size >= STREAMS_MAX)
      throw new Problem(
        'overloaded',
        `This pod is already sending ${STREAMS_MAX} streams. Send the request again later.`,
      );
    const controller = new AbortController();
    this.#open.add(controller);
    const cancel = this.#clock.after(STREAM_MS_MAX, () => controller.abort());
    return {
      send: (response, content) => sendChunks(response, content, controller.signal),
      release: () => {
        cancel();
        this.#open.delete(controller);
      },
    };
  }

  /** Cuts off all open streams, and refuses new ones. */
  end(): void {
    this.#ended = true;
    for (const controller of this.#open) controller.abort();
  }
}

/** The next chunk is generated only when the client has read enough of the previous ones. */
async function sendChunks(
  response: ServerResponse,
  { chunks }: StreamedContent,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    await pipeline(Readable.from(chunks, { highWaterMark: 1 }), response, { signal });
    return null;
  } catch (error) {
    return error;
  }
}
