import { z } from 'zod';
import { EVENT_TYPES } from '../../ledger/ports/feed.ts';
import {
  DELIVERY_FAILURES,
  type Delivery,
  type IssuedWebhook,
  STOP_REASONS,
  WEBHOOK_STATES,
  type Webhook,
} from '../../ledger/ports/webhooks.ts';
import { AccountId, formatTimestamp, Id, ListLimit, NewId, Timestamp, text } from '../schemas/fields.ts';

const DESCRIPTION_LENGTH_MAX = 140;
const ACCOUNTS_MAX = 20;
const URL_LENGTH_MAX = 2048;
const OVERLAP_S_DEFAULT = 86_400;
const OVERLAP_S_MAX = 30 * 86_400;

export const WebhookId = NewId.meta({
  description:
    'The id of the webhook, and the idempotency key of its creation. If absent, the `Idempotency-Key` is used, or an id is generated.',
  example: '019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e93',
});
export const SecretId = NewId.meta({ description: 'The idempotency key of the rotation.' });

/** @param example one of the webhooks of `npm start` (devstack/demo.mjs) */
export const webhookParams = (example: string) =>
  z.object({ webhookId: Id.meta({ description: 'The id of a webhook.', example }) });

const Url = z.string().min(1).max(URL_LENGTH_MAX).meta({
  description:
    'Where events are sent: `https`, a public address, no user name, password or fragment. Redirects are not followed.',
  example: 'https://hooks.example/holdfast',
});
const unique = <T>(list: T[]): T[] => [...new Set(list)];
const Accounts = z
  .array(AccountId)
  .min(1)
  .max(ACCOUNTS_MAX)
  .transform(unique)
  .meta({
    description: `Only events of these accounts, up to ${ACCOUNTS_MAX}. If absent or null: of all accounts that the creator may use.`,
    example: ['demo-alice'],
  });
const Types = z
  .array(z.enum(EVENT_TYPES))
  .min(1)
  .max(EVENT_TYPES.length)
  .transform(unique)
  .meta({
    description: 'Only events of these types. If absent or null: of all types.',
    example: ['holdfast.transfer.posted'],
  });
const Details = z.boolean().meta({
  description:
    'With `true`, the events also have `reference`, `metadata`, `user`, `correlationId` and the names of accounts, unless they have been erased.',
  default: false,
});
const Description = text(DESCRIPTION_LENGTH_MAX).meta({
  description: 'What the webhook is for, as free text; it has no effect.',
});

export const WebhookRequest = z
  .strictObject({
    webhookId: WebhookId.nullish(),
    url: Url,
    description: Description.nullish(),
    accounts: Accounts.nullish(),
    types: Types.nullish(),
    details: Details.nullish(),
    after: z.string().nullish().meta({
      description: 'Where it begins: a position from an earlier response, `oldest` or `latest`.',
      default: 'latest',
    }),
  })
  .meta({ id: 'WebhookRequest' });

export const WebhookChangeRequest = z
  .strictObject({
    url: Url.optional(),
    description: Description.nullable().optional(),
    accounts: Accounts.nullable().optional(),
    types: Types.nullable().optional(),
    details: Details.optional(),
    state: z.enum(['ACTIVE', 'PAUSED']).optional().meta({
      description:
        '`PAUSED`: nothing is sent, and nothing is lost. A `STOPPED` webhook remains stopped until it is resumed.',
    }),
  })
  .meta({ id: 'WebhookChange' });

export const WebhookRotationRequest = z
  .strictObject({
    secretId: SecretId.nullish(),
    overlapSeconds: z.int().min(0).max(OVERLAP_S_MAX).nullish().meta({
      description:
        'How long the other secrets remain valid; at most 30 days. Until then, requests have several signatures.',
      default: OVERLAP_S_DEFAULT,
    }),
  })
  .meta({ id: 'WebhookRotation' });

export const WebhookReplayRequest = z
  .strictObject({
    after: z.string().meta({
      description: 'The position from which events are sent again: from an earlier response, `oldest`, or `latest`.',
      example: 'oldest',
    }),
  })
  .meta({ id: 'WebhookReplay' });

export const WebhookAnswer = z
  .object({
    webhookId: Id,
    owner: z.string().meta({ description: 'The user who created it.' }),
    url: z.string(),
    description: z.string().nullable(),
    accounts: z.array(z.string()).nullable(),
    types: z.array(z.enum(EVENT_TYPES)).nullable(),
    details: z.boolean(),
    accountPrefixes: z.array(z.string()).nullable().meta({
      description:
        'Only events of accounts with these prefixes, to which its creator is restricted; null: all accounts.',
    }),
    state: z.enum(WEBHOOK_STATES).meta({
      description: '`STOPPED`: deliveries were given up at `position`; nothing is skipped. See `stopReason`.',
    }),
    stopReason: z.enum(STOP_REASONS).nullable().meta({
      description:
        '`failing`: no attempt has succeeded for a day. `gone`: the receiver answered 410. `key_revoked`: the API key with which it was created or resumed was revoked. `events_gone`, `other_log`: its position is no longer in the log. `secret_unreadable`: the key of its secrets is missing.',
    }),
    position: z.string().meta({ description: 'Everything before it was delivered or filtered out.' }),
    validSecrets: z.int().min(1),
    createdAt: Timestamp,
    lastSuccessAt: Timestamp.nullable(),
    failingSince: Timestamp.nullable().meta({ description: 'Null if the latest attempt succeeded.' }),
    nextAttemptAt: Timestamp.nullable(),
  })
  .meta({ id: 'Webhook' });

export const IssuedWebhookAnswer = WebhookAnswer.extend({
  secret: z.string().nullable().meta({
    description:
      'The secret of its signatures (`whsec_…`). It is shown only here: null if the request was repeated. If the first answer was lost, rotate it.',
  }),
}).meta({ id: 'IssuedWebhook' });

export const WebhookList = z
  .object({ items: z.array(WebhookAnswer), nextCursor: z.string().nullable() })
  .meta({ id: 'WebhookList' });

export const DeliveryList = z
  .object({
    items: z.array(
      z
        .object({
          attempt: z.int().min(1),
          at: Timestamp,
          messageId: z.string().meta({ description: 'The `webhook-id` of the request.' }),
          kind: z.enum(['events', 'test']),
          events: z.int().min(1).meta({ description: 'How many events the request contained.' }),
          from: z.string().meta({ description: 'The position before the events.' }),
          to: z.string().meta({ description: 'The position after the events.' }),
          status: z.int().nullable().meta({ description: 'The status of the response; null if there was none.' }),
          failure: z.enum(DELIVERY_FAILURES).nullable().meta({ description: 'Null if it succeeded.' }),
          durationMs: z.int().min(0),
        })
        .meta({ id: 'WebhookDelivery' }),
    ),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: 'WebhookDeliveryList' });

const cursorOf = (pattern: RegExp) =>
  z
    .string()
    .regex(pattern, 'is not a cursor from an earlier response')
    .optional()
    .meta({ description: 'The `nextCursor` of the previous response.' });
export const WebhooksQuery = z.strictObject({ cursor: cursorOf(/^[A-Za-z0-9._:-]{1,64}$/), limit: ListLimit });
export const DeliveriesQuery = z.strictObject({ cursor: cursorOf(/^[1-9]\d{0,15}$/), limit: ListLimit });

export const overlapOf = ({ overlapSeconds }: z.output<typeof WebhookRotationRequest>): number =>
  overlapSeconds ?? OVERLAP_S_DEFAULT;

const shownTime = (ms: number | null): string | null => (ms === null ? null : formatTimestamp(ms));

export const webhookAnswer = (webhook: Webhook): z.input<typeof WebhookAnswer> => ({
  webhookId: webhook.webhookId,
  owner: webhook.owner,
  url: webhook.url,
  description: webhook.description,
  accounts: webhook.accounts && [...webhook.accounts],
  types: webhook.types && [...webhook.types],
  details: webhook.details,
  accountPrefixes: webhook.accountPrefixes && [...webhook.accountPrefixes],
  state: webhook.state,
  stopReason: webhook.stopReason,
  position: webhook.position,
  validSecrets: webhook.secrets,
  createdAt: formatTimestamp(webhook.createdAt),
  lastSuccessAt: shownTime(webhook.lastSuccessAt),
  failingSince: shownTime(webhook.failingSince),
  nextAttemptAt: shownTime(webhook.nextAttemptAt),
});

/** 201 with the secret, or 200 without it if the request was repeated. */
export const issuedAnswer = ({ webhook, secret }: IssuedWebhook) => ({
  status: secret === null ? 200 : 201,
  body: { ...webhookAnswer(webhook), secret } satisfies z.input<typeof IssuedWebhookAnswer>,
});

export const deliveryAnswer = (delivery: Delivery) => ({
  ...delivery,
  at: formatTimestamp(delivery.at),
  durationMs: Math.round(delivery.durationMs),
});
