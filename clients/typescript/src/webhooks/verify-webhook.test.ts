import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { verifyWebhook, type Webhook, WebhookError } from './verify-webhook.ts';

/** The example in the Standard Webhooks specification. */
const SPECIFIED = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  headers: {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  },
  body: '{"test": 2432232314}',
  now: 1_614_265_330_000,
} satisfies Webhook;

const SECRET = `whsec_${Buffer.from('a secret of thirty-two characters').toString('base64')}`;
const NOW = 1_769_860_800_000;

function signed(body: string, { secret = SECRET, at = NOW, id = 'msg_1' } = {}) {
  const timestamp = String(at / 1000);
  const key = Buffer.from(secret.slice(6), 'base64');
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` };
  return { secret: SECRET, headers, body, now: NOW };
}

describe('verifyWebhook', () => {
  it('accepts the example in the specification', async () => {
    expect(await verifyWebhook(SPECIFIED)).toEqual({ test: 2_432_232_314 });
  });
  it('accepts a body as bytes, header names in any case, and a Headers object', async () => {
    const webhook = signed('[{"id":"é"}]');
    const body = new TextEncoder().encode('[{"id":"é"}]');
    expect(await verifyWebhook({ ...webhook, body })).toEqual([{ id: 'é' }]);
    const upper = Object.fromEntries(
      Object.entries(webhook.headers).map(([name, value]) => [name.toUpperCase(), value]),
    );
    expect(await verifyWebhook({ ...webhook, headers: upper })).toEqual([{ id: 'é' }]);
    const headers = new Headers(webhook.headers);
    expect(await verifyWebhook({ ...webhook, headers })).toEqual([{ id: 'é' }]);
  });
  it('accepts either secret while the sender or the receiver is replacing it', async () => {
    const other = `whsec_${Buffer.from('another secret').toString('base64')}`;
    const webhook = signed('{}', { secret: other });
    expect(await verifyWebhook({ ...webhook, secret: [SECRET, other] })).toEqual({});
    const both = {
      ...webhook.headers,
      'webhook-signature': `v1,AAAA v1a,BBBB ${webhook.headers['webhook-signature']}`,
    };
    expect(await verifyWebhook({ ...webhook, secret: other, headers: both })).toEqual({});
  });

  const good = signed('{"amount":"1.00"}');
  const without = (name: string) => Object.fromEntries(Object.entries(good.headers).filter(([key]) => key !== name));
  const withHeader = (name: string, value: string) => ({ ...good.headers, [name]: value });
  it.each([
    ['another body', { ...good, body: '{"amount":"9.00"}' }],
    ['another id', { ...good, headers: withHeader('webhook-id', 'msg_2') }],
    ['another time', { ...good, headers: withHeader('webhook-timestamp', String(NOW / 1000 + 1)) }],
    ['another secret', { ...good, secret: `whsec_${Buffer.from('x').toString('base64')}` }],
    ['an old request', { ...good, now: NOW + 301_000 }],
    ['a request from the future', { ...good, now: NOW - 301_000 }],
    ['no signature', { ...good, headers: without('webhook-signature') }],
    ['no id', { ...good, headers: without('webhook-id') }],
    ['no time', { ...good, headers: without('webhook-timestamp') }],
    ['a time that is not a number', { ...good, headers: withHeader('webhook-timestamp', 'NaN') }],
    ['a signature that is not base64', { ...good, headers: withHeader('webhook-signature', 'v1,%%%') }],
    ['a signature with another version', { ...good, headers: withHeader('webhook-signature', 'v2,AAAA') }],
    ['many signatures', { ...good, headers: withHeader('webhook-signature', Array(1_000).fill('v1,AAAA').join(' ')) }],
  ] as [string, Webhook][])('refuses %s', async (_, webhook) => {
    await expect(verifyWebhook(webhook)).rejects.toThrow(WebhookError);
  });
  it('reports a malformed secret', async () => {
    await expect(verifyWebhook({ ...good, secret: 'whsec_' })).rejects.toThrow(TypeError);
  });
});
