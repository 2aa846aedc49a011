import type { IncomingMessage } from 'node:http';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { ApiMiddleware } from './application.ts';
import { parseJson, requireJson } from './json-body.ts';

/** The client disconnected before its request was complete: no one is left to receive a response. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** Maximum body length of a route that takes a single item. Valid bodies have at most a tenth of that. */
const SINGLE_BODY_BYTES_MAX = 64 * 1024;
/**
 * A body that is too long is read and discarded up to this multiple of the limit, so that its sender can read the 413.
 */
const DISCARD_FACTOR = 4;
/** Memory limit for all bodies that have arrived but are not parsed yet, as a multiple of the largest body. */
const BODIES_IN_FLIGHT = 64;
/** A body must be complete within this time, plus one second for every 64 KiB that have arrived. */
const BODY_TIMEOUT_MS = 10_000;
const BYTES_PER_MS_MIN = 64;
const SWEEP_EVERY_MS = 1_000;
const FIRST_CAPACITY = 4_096;

/** Reads the JSON body of the routes that take one. */
export function readBody(bytesMax: number, clock: Clock): ApiMiddleware {
  const bodies = new Bodies(bytesMax * BODIES_IN_FLIGHT, clock);
  return async (ctx, next) => {
    const { body } = ctx.state.route;
    if (body === undefined) return next();
    if (!hasBody(ctx.req)) {
      if (!body.optional) throw new Problem('validation_failed', 'The body is missing.');
      return next();
    }
    requireJson(ctx.req.headers);
    const arriving = new ArrivingBody(
      bodies,
      ctx.req,
      body.isList ? bytesMax : Math.min(bytesMax, SINGLE_BODY_BYTES_MAX),
    );
    try {
      ctx.state.body = parseJson(await arriving.whole());
    } catch (error) {
      // The rest of a rejected body may still be arriving.
      if (!ctx.req.complete || isTooLarge(error)) ctx.res.setHeader('Connection', 'close');
      throw error;
    } finally {
      arriving.release();
    }
    return next();
  };
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Problem && error.code === 'payload_too_large';
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** All bodies being received: limits their memory, and aborts those that take too long. */
class Bodies {
  readonly #bytesMax: number;
  readonly #clock: Clock;
  #bytes = 0;
  /** Nearly all bodies finish before a sweep sees them, so the clock is read only in a sweep. */
  readonly #arriving = new Set<ArrivingBody>();
  #sweepScheduled = false;

  constructor(bytesMax: number, clock: Clock) {
    this.#bytesMax = bytesMax;
    this.#clock = clock;
  }

  /** False if that much memory is not available. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }

  add(body: ArrivingBody): void {
    this.#arriving.add(body);
    this.#scheduleSweep();
  }

  remove(body: ArrivingBody): void {
    this.#arriving.delete(body);
  }

  #scheduleSweep(): void {
    if (this.#sweepScheduled || this.#arriving.size === 0) return;
    this.#sweepScheduled = true;
    this.#clock.after(SWEEP_EVERY_MS, () => {
      this.#sweepScheduled = false;
      const now = this.#clock.monotonic();
      for (const body of this.#arriving) body.sweep(now);
      this.#scheduleSweep();
    });
  }
}

/** One body. Until it is released, it takes memory only for the bytes that have arrived. */
class ArrivingBody {
  readonly #bodies: Bodies;
  readonly #request: IncomingMessage;
  readonly #bytesMax: number;
  /** Bytes that have arrived. */
  #length = 0;
  /** The time of the first sweep during which the body was arriving. */
  #sinceMs: number | null = null;
  #isReleased = false;
  #bytes: Buffer | null = null;
  #taken = 0;
  #fail: (error: Error) => void = () => {};

  constructor(bodies: Bodies, request: IncomingMessage, bytesMax: number) {
    this.#bodies = bodies;
    this.#request = request;
    this.#bytesMax = bytesMax;
  }

  /** @throws Problem payload_too_large, overloaded, request_timeout @throws ClientGone */
  whole(): Promise<Buffer> {
    const request = this.#request;
    if (Number(request.headers['content-length'] ?? 0) > this.#bytesMax * DISCARD_FACTOR) {
      return Promise.reject(this.#tooLarge());
    }
    this.#bodies.add(this);
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      request.on('data', (chunk: Buffer) => this.#receive(chunk));
      request.on('end', () => {
        if (this.#length > this.#bytesMax) reject(this.#tooLarge());
        else resolve(this.#bytes?.subarray(0, this.#length) ?? Buffer.alloc(0));
      });
      // `close` also follows every normal end; creating an error each time would cost more than the rest of this function.
      request.on('close', () => {
        if (!request.complete) reject(new ClientGone('The client closed the connection while sending its body.'));
      });
    });
  }

  /** Aborts a body that takes too long. */
  sweep(nowMs: number): void {
    this.#sinceMs ??= nowMs;
    if (nowMs - this.#sinceMs <= BODY_TIMEOUT_MS + this.#length / BYTES_PER_MS_MIN) return;
    this.#fail(new Problem('request_timeout', 'The body did not arrive in time. Send the same request again.'));
  }

  release(): void {
    this.#bodies.giveBack(this.#taken);
    this.#bodies.remove(this);
    this.#taken = 0;
    this.#bytes = null;
    this.#isReleased = true;
  }

  #receive(chunk: Buffer): void {
    // Read and discarded.
    if (this.#isReleased) return;
    const before = this.#length;
    this.#length += chunk.length;
    if (this.#length > this.#bytesMax) {
      this.#drop();
      if (this.#length > this.#bytesMax * DISCARD_FACTOR) this.#fail(this.#tooLarge());
      return;
    }
    if (before === 0) {
      // Nearly always the chunk is the whole body, and needs no copy.
      if (this.#grow(chunk.length)) this.#bytes = chunk;
      return;
    }
    if (this.#bytes === null) return;
    if (this.#length > this.#bytes.length && !this.#enlarge()) return;
    chunk.copy(this.#bytes, before);
  }

  /** Doubles the capacity: a body may arrive byte by byte, and a list of the pieces would take a hundred times its memory. */
  #enlarge(): boolean {
    const capacity = Math.min(Math.max(this.#length * 2, FIRST_CAPACITY), this.#bytesMax);
    if (!this.#grow(capacity)) return false;
    const larger = Buffer.allocUnsafeSlow(capacity);
    this.#bytes?.copy(larger);
    this.#bytes = larger;
    return true;
  }

  #grow(capacity: number): boolean {
    if (!this.#bodies.take(capacity - this.#taken)) {
      this.#drop();
      const detail = 'This pod has no memory left for request bodies. Send the same request again later.';
      this.#fail(new Problem('overloaded', detail));
      return false;
    }
    this.#taken = capacity;
    return true;
  }

  #drop(): void {
    this.#bodies.giveBack(this.#taken);
    this.#taken = 0;
    this.#bytes = null;
  }

  #tooLarge(): Problem {
    const detail = `The body may have at most ${this.#bytesMax} bytes. Split a longer list into several requests.`;
    return new Problem('payload_too_large', detail);
  }
}
