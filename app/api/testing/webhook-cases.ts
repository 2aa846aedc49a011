import type { Reply } from './api-under-test.ts';

type Send = (method: string, path: string, body?: unknown) => Promise<Reply>;

interface Senders {
  /** Sends a request with a key that may use only some accounts. */
  restricted: Send;
  /** Sends a request with a key that may use all accounts. */
  anyone: Send;
  /** An account that the restricted key may use, and one that it may not use. */
  own: string;
  foreign: string;
}

const URL_OF_HOOK = 'https://hooks.example/';

/** The cases of account-restrictions.test.ts for webhooks: a key sees only the webhooks whose accounts it may use. */
export function webhookCases({ restricted, anyone, own, foreign }: Senders) {
  const create = (send: Send, webhookId: string, more: object = {}) =>
    send('POST', '/v1/webhooks', { webhookId, url: URL_OF_HOOK, ...more });
  const ofWebhook = (method: string, suffix: string, body?: unknown) => {
    const send = (id: string) => restricted(method, `/v1/webhooks/${id}${suffix}`, body);
    return {
      own: async (): Promise<Reply[]> => {
        await create(restricted, 'own');
        return [await send('own')];
      },
      foreign: async (): Promise<[number, Reply][]> => {
        await create(anyone, 'x');
        await create(anyone, 'of-own-account', { accounts: [own] });
        return [
          [404, await send('x')],
          [404, await send('of-own-account')],
          [404, await send('unknown')],
        ];
      },
    };
  };
  return {
    'POST /v1/webhooks': {
      own: async (): Promise<Reply[]> => [
        await create(restricted, 'all'),
        await create(restricted, 'own', { accounts: [own] }),
      ],
      foreign: async (): Promise<[number, Reply][]> => [
        [403, await create(restricted, 'a', { accounts: [foreign] })],
        [403, await create(restricted, 'b', { accounts: [own, foreign] })],
      ],
    },
    'GET /v1/webhooks': {
      own: async (): Promise<Reply[]> => [await restricted('GET', '/v1/webhooks')],
      foreign: async (): Promise<[number, Reply][]> => {
        await create(anyone, 'x');
        const list = await restricted('GET', '/v1/webhooks');
        return list.text.includes('"x"') ? [[403, list]] : [[200, list]];
      },
    },
    'GET /v1/webhooks/{webhookId}': ofWebhook('GET', ''),
    'PATCH /v1/webhooks/{webhookId}': {
      ...ofWebhook('PATCH', '', { description: 'changed' }),
      foreign: async (): Promise<[number, Reply][]> => {
        await create(anyone, 'x');
        await create(restricted, 'own');
        return [
          [404, await restricted('PATCH', '/v1/webhooks/x', { description: 'changed' })],
          [403, await restricted('PATCH', '/v1/webhooks/own', { accounts: [foreign] })],
        ];
      },
    },
    'DELETE /v1/webhooks/{webhookId}': {
      ...ofWebhook('DELETE', ''),
      foreign: async (): Promise<[number, Reply][]> => {
        await create(anyone, 'x');
        const deleted = await restricted('DELETE', '/v1/webhooks/x');
        return [
          [204, deleted],
          [200, await anyone('GET', '/v1/webhooks/x')],
        ];
      },
    },
    'POST /v1/webhooks/{webhookId}/rotate': ofWebhook('POST', '/rotate'),
    'POST /v1/webhooks/{webhookId}/test': ofWebhook('POST', '/test'),
    'POST /v1/webhooks/{webhookId}/replay': ofWebhook('POST', '/replay', { after: 'oldest' }),
    'POST /v1/webhooks/{webhookId}/resume': ofWebhook('POST', '/resume'),
    'GET /v1/webhooks/{webhookId}/deliveries': ofWebhook('GET', '/deliveries'),
  };
}
