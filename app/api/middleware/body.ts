import type { IncomingMessage } from 'node:http';
import { Problem } from '../../errors.ts';
import type { ApiMiddleware } from '../context.ts';
import { parseJson, requireJson } from '../json-body.ts';

/** The client went away before its request was whole: nobody is there to be answered. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** A body that is too long is read on for so many times the limit, thrown away, so that its sender gets to read the 413. */
const DISCARD_FACTOR = 4;
/** All bodies together may take as much memory as so many of the largest. */
const BODIES_IN_FLIGHT = 64;

/** Reads the JSON of the routes that take a body. */
export function readBody(bytesMax: number): ApiMiddleware {
  let bytesInFlight = 0;
  return async (ctx, next) => {
    const { body } = ctx.state.route;
    if (body === undefined) return next();
    if (!hasBody(ctx.req)) {
      if (!body.optional) throw new Problem('validation_failed', 'The body is missing.');
      return next();
    }
    requireJson(ctx.req.headers);
    // What it says it will send, or at worst the most that is taken.
    const reserved = Math.min(Number(ctx.req.headers['content-length'] ?? bytesMax), bytesMax);
    if (bytesInFlight + reserved > bytesMax * BODIES_IN_FLIGHT) {
      ctx.res.setHeader('Connection', 'close');
      throw new Problem('overloaded', 'This pod already holds as much as it can. Send the same request again later.');
    }
    bytesInFlight += reserved;
    try {
      const bytes = await readBytes(ctx.req, bytesMax);
      if (bytes === null) {
        ctx.res.setHeader('Connection', 'close');
        throw new Problem('payload_too_large', `The body may have at most ${bytesMax} bytes.`);
      }
      ctx.state.body = parseJson(bytes);
      await next();
    } finally {
      bytesInFlight -= reserved;
    }
  };
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** The whole body, or null when it is longer than allowed. @throws ClientGone */
function readBytes(request: IncomingMessage, bytesMax: number): Promise<Buffer | null> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax * DISCARD_FACTOR) return Promise.resolve(null);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= bytesMax) chunks.push(chunk);
      else if (length > bytesMax * DISCARD_FACTOR) resolve(null);
    });
    request.on('end', () => resolve(length > bytesMax ? null : (single(chunks) ?? Buffer.concat(chunks, length))));
    // Comes after every end as well; an error too many per request would cost more than the rest of this function.
    request.on('close', () => {
      if (!request.complete) reject(new ClientGone('The client closed the connection while it sent its body.'));
    });
  });
}

function single(chunks: readonly Buffer[]): Buffer | undefined {
  return chunks.length === 1 ? chunks[0] : undefined;
}
