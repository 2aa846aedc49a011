import { type Caller, type CallOptions, callWith, settledValue, withQuery } from '../calls.ts';
import { settleOne } from '../retry/settle.ts';
import { verdictOf } from '../retry/verdict.ts';
import type { StatementPeriod } from '../types.ts';

export interface Statement {
  readonly contentType: string;
  /** The name that the service gives the file; null if it gives none. */
  readonly fileName: string | null;
  readonly body: ReadableStream<Uint8Array>;
}

const XML = 'application/xml';
/** Complete content ends with the row of the closing balance (CSV) or the end of the document (XML). */
const CSV_END = /(^|\n)"?closing_balance"?,[^\n]*\r?\n$/;
const XML_END = /<\/Document>\s*$/;
/** Longer than any last row. */
const END_BYTES = 1024;

export async function openStatement(
  caller: Caller,
  accountPath: string,
  period: StatementPeriod,
  options: CallOptions,
): Promise<Statement> {
  const call = callWith(caller, options);
  const path = withQuery(`${accountPath}/statement`, { ...period, format: period.format ?? 'csv' });
  const request = { method: 'GET', path, correlationId: call.correlationId } as const;
  const settled = await settleOne<Response>(
    {
      send: async (_, limits) => {
        const opened = await caller.transport.open(request, limits);
        if (opened instanceof Response) return [{ verdict: 'accepted', value: opened }];
        return [verdictOf<Response>(opened, call.correlationId, () => null)];
      },
    },
    call,
    caller.clock,
  );
  if (settled.kind === 'unknown') throw settled.error;
  const { headers, body } = settledValue(settled);
  const contentType = headers.get('content-type') ?? '';
  const [, fileName = null] = /filename="([^"]+)"/.exec(headers.get('content-disposition') ?? '') ?? [];
  const end = contentType.startsWith(XML) ? XML_END : CSV_END;
  return { contentType, fileName, body: (body ?? new Blob([]).stream()).pipeThrough(complete(end)) };
}

/** Passes everything on, and fails at the end of the stream if the content is incomplete. */
function complete(end: RegExp): TransformStream<Uint8Array, Uint8Array> {
  let tail = new Uint8Array();
  return new TransformStream({
    transform(chunk, controller) {
      const joined = new Uint8Array(tail.length + Math.min(chunk.length, END_BYTES));
      joined.set(tail);
      joined.set(chunk.subarray(-END_BYTES), tail.length);
      tail = joined.slice(-END_BYTES);
      controller.enqueue(chunk);
    },
    flush() {
      if (!end.test(new TextDecoder().decode(tail))) throw new Error('The statement was cut off: it is incomplete.');
    },
  });
}
