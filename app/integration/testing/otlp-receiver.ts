import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as a collector receives it; ids are hexadecimal. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  /** Empty for the root of a trace. */
  parentSpanId: string;
  name: string;
  startNs: bigint;
  endNs: bigint;
  attributes: Record<string, string | number>;
  links: { traceId: string; spanId: string }[];
  /** The attributes of the process. */
  resource: Record<string, string | number>;
}

/** A receiver of OTLP over HTTP with protobuf, which keeps everything that is exported to it. */
export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  readonly #server = createServer(async (request, response) => {
    this.spans.push(...spansIn(Buffer.concat(await request.toArray())));
    response.end();
  });

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  named(name: string): ReceivedSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A protobuf message: the values of each field, by its number. */
type Message = Map<number, (Buffer | bigint)[]>;

/** The wire format of protobuf. */
function decode(bytes: Buffer): Message {
  const message: Message = new Map();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const fixed = (length: number): Buffer => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const wireType = tag & 7;
    if (![0, 1, 2, 5].includes(wireType)) throw new RangeError(`wire type ${wireType} is not used by proto3`);
    const value = wireType === 0 ? varint() : fixed(wireType === 1 ? 8 : wireType === 5 ? 4 : Number(varint()));
    message.set(tag >> 3, [...(message.get(tag >> 3) ?? []), value]);
  }
  return message;
}

const buffers = (message: Message, field: number): Buffer[] => (message.get(field) ?? []) as Buffer[];
const messages = (message: Message, field: number): Message[] => buffers(message, field).map(decode);
const hex = (message: Message, field: number): string => buffers(message, field)[0]?.toString('hex') ?? '';
const text = (message: Message, field: number): string => buffers(message, field)[0]?.toString() ?? '';

/** Field numbers are those of opentelemetry/proto/trace/v1/trace.proto. */
function spansIn(request: Buffer): ReceivedSpan[] {
  return messages(decode(request), 1).flatMap((resourceSpans) => {
    const resource = Object.assign({}, ...messages(resourceSpans, 1).map((one) => attributesIn(one, 1)));
    return messages(resourceSpans, 2).flatMap((scopeSpans) =>
      messages(scopeSpans, 2).map((span) => ({
        traceId: hex(span, 1),
        spanId: hex(span, 2),
        parentSpanId: hex(span, 4),
        name: text(span, 5),
        startNs: buffers(span, 7)[0]?.readBigUInt64LE() ?? 0n,
        endNs: buffers(span, 8)[0]?.readBigUInt64LE() ?? 0n,
        attributes: attributesIn(span, 9),
        links: messages(span, 13).map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
        resource,
      })),
    );
  });
}

function attributesIn(message: Message, field: number): Record<string, string | number> {
  const attributes: Record<string, string | number> = {};
  for (const pair of messages(message, field)) {
    const [value] = messages(pair, 2);
    if (value) attributes[text(pair, 1)] = value.has(3) ? Number(value.get(3)?.[0]) : text(value, 1);
  }
  return attributes;
}
