import { createHash } from 'node:crypto';
import { Webhook as Signer } from 'standardwebhooks';
import type { Message } from './webhook-sender.ts';

export const BATCH_TYPE = 'application/cloudevents-batch+json; charset=utf-8';
const USER_AGENT = 'Holdfast-Webhooks/1';
const ID_LENGTH = 32;

/** The JSON of a batch of CloudEvents. */
export const batchOf = (events: readonly { json(): string }[]): string =>
  `[${events.map((event) => event.json()).join(',')}]`;

/** The event that a test delivery contains. */
export const testEvent = (testId: string, ledgerId: string, webhookId: string, nowMs: number) => ({
  json: () =>
    JSON.stringify({
      specversion: '1.0',
      id: `test.${testId}`,
      source: `urn:holdfast:${ledgerId}`,
      type: 'holdfast.webhook.test',
      subject: webhookId,
      time: new Date(nowMs).toISOString(),
      datacontenttype: 'application/json',
      data: { webhookId },
    }),
});

/**
 * The id of a message, which stays the same when the message is sent again. It depends on the content: if events are
 * added to a batch before it is sent again, a receiver must not mistake it for the earlier message.
 */
export const messageIdOf = (webhookId: string, body: string): string =>
  `msg_${createHash('sha256').update(`${webhookId}\n${body}`).digest('hex').slice(0, ID_LENGTH)}`;

interface Signed {
  url: string;
  /** All valid secrets, because the receiver may still have the old one. */
  secrets: readonly string[];
  messageId: string;
  body: string;
  nowMs: number;
}

/** A request signed as specified by Standard Webhooks (https://www.standardwebhooks.com). */
export function signedMessage({ url, secrets, messageId, body, nowMs }: Signed): Message {
  const signatures = secrets.map((secret) => new Signer(secret).sign(messageId, new Date(nowMs), body));
  const headers = {
    'Content-Type': BATCH_TYPE,
    'Content-Length': String(Buffer.byteLength(body)),
    'User-Agent': USER_AGENT,
    'webhook-id': messageId,
    'webhook-timestamp': String(Math.floor(nowMs / 1000)),
    'webhook-signature': signatures.join(' '),
  };
  return { url, headers, body };
}
