import { z } from 'zod';
import { LEGS } from '../../domain/leg-types.ts';
import { LIMITS } from '../../domain/limits.ts';
import { HOLD_REFUSALS, REFUSALS } from '../../domain/problem.ts';
import { EVENT_TYPES, type EventType } from '../../ledger/ports/feed.ts';
import { AccountId, AccountStatus, Currency, Id, Money, Timestamp, TransferId, Version } from '../schemas/fields.ts';

const refusal = {
  refusal: z.enum([...REFUSALS, ...HOLD_REFUSALS]),
  limit: z.enum(LIMITS).optional().meta({ description: 'For `limit_exceeded`: which limit.' }),
  value: Money.optional().meta({ description: 'The value of the limit.' }),
  remaining: Money.optional().meta({ description: 'The unused part of the limit.' }),
};

const transfer = {
  transactionId: TransferId,
  kind: z.enum(['transfer', 'reversal', 'capture']),
  sourceAccount: AccountId,
  destinationAccount: AccountId,
  amount: Money,
  currency: Currency,
  timestamp: Timestamp.meta({
    description: "The client's own time, or the time of acceptance if the client sent none.",
  }),
  acceptedAt: Timestamp,
  leg: z
    .enum([...LEGS, 'payout'])
    .optional()
    .meta({
      description:
        'Only with several shards, for a transfer between two of them: `out` is its event at the source, `in` at the destination, and `back` at the source if the destination refused it. `payout`: an operator has paid the amount, which neither account could take, to the destination of this event.',
    }),
  groupId: Id.optional().meta({ description: 'The group or split that the transfer is a member of.' }),
  reverses: TransferId.optional().meta({ description: 'For a reversal: the transfer that it reverses.' }),
  holdId: Id.optional().meta({ description: 'For a capture: the hold that it captures.' }),
};
const side = 'Absent if the event reports a leg of a transfer between shards that changes only the other account.';

const TransferPosted = z.object({
  ...transfer,
  status: z.literal('POSTED'),
  sourceAccount: AccountId.optional().meta({ description: 'Absent for a payout.' }),
  sourceBalance: Money.optional().meta({ description: side }),
  sourceVersion: Version.optional(),
  destinationBalance: Money.optional().meta({ description: side }),
  destinationVersion: Version.optional(),
  heldAfter: Money.optional().meta({
    description: 'For a capture: the amount reserved by the holds of the source after it.',
  }),
  heldChange: Money.optional(),
});
const TransferRejected = z.object({ ...transfer, status: z.literal('REJECTED'), ...refusal });

const group = {
  groupId: Id,
  accounts: z.array(AccountId),
  transactionIds: z.array(TransferId),
  acceptedAt: Timestamp,
};
const GroupPosted = z.object({ ...group, status: z.literal('POSTED') });
const GroupRejected = z.object({
  ...group,
  status: z.literal('REJECTED'),
  index: z.int().min(0).meta({ description: 'The index of the first transfer that was refused, starting at 0.' }),
  ...refusal,
});

const hold = { holdId: Id, account: AccountId, currency: Currency, acceptedAt: Timestamp };
const destinationAccount = AccountId.nullable();
const holdState = {
  ...hold,
  status: z.enum(['OPEN', 'CAPTURED', 'VOIDED', 'EXPIRED']),
  amount: Money,
  captured: Money,
  expiresAt: Timestamp,
  revision: z.int().min(1),
  heldAfter: Money.meta({ description: 'The total that the holds of the account reserve after this event.' }),
  heldChange: Money,
  balance: Money.meta({ description: 'The balance of the account, which an event of a hold does not change.' }),
  version: Version,
};
const HoldRejected = z.object({ ...hold, destinationAccount, amount: Money, ...refusal });

const limits = z
  .record(z.enum(LIMITS), Money.nullable())
  .meta({ id: 'LimitValues', description: 'All limits of the account.' });

const DATA = {
  'holdfast.transfer.posted': TransferPosted,
  'holdfast.transfer.rejected': TransferRejected,
  'holdfast.group.posted': GroupPosted,
  'holdfast.group.rejected': GroupRejected,
  'holdfast.hold.placed': z.object({ ...holdState, destinationAccount }),
  'holdfast.hold.rejected': HoldRejected,
  'holdfast.hold.changed': z.object(holdState),
  'holdfast.hold.voided': z.object(holdState),
  'holdfast.hold.expired': z.object(holdState),
  'holdfast.account.opened': z.object({
    accountId: AccountId,
    currency: Currency,
    overdraftLimit: Money,
    external: z.boolean(),
    limits: limits.nullable(),
    openedAt: Timestamp,
  }),
  'holdfast.account.changed': z.object({
    accountId: AccountId,
    currency: Currency.optional(),
    overdraftLimit: Money.optional(),
    changeId: z.string(),
    status: AccountStatus,
    limits: limits.optional(),
    settingsVersion: Version,
    acceptedAt: Timestamp,
  }),
} as const satisfies Record<EventType, z.ZodObject>;

/** Present only with `details=true`. */
const details = {
  user: z.string().optional().meta({
    description: 'The user who requested it. Like all members that follow, present only with `details=true`.',
  }),
  correlationId: z.string().optional(),
  reference: z.string().nullable().optional(),
  metadata: z.record(z.string(), z.string()).nullable().optional(),
  name: z.string().nullable().optional().meta({ description: 'The name of the account.' }),
};

/** `holdfast.transfer.posted` → `TransferPosted` */
const nameOf = (type: EventType): string =>
  `${type
    .split('.')
    .slice(1)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')}`;

const eventOf = <T extends EventType>(type: T) =>
  z
    .object({
      specversion: z.literal('1.0'),
      id: z.string().meta({ description: 'Unique in the ledger, for de-duplication.', example: '0.1024.3.5b2c0d1e' }),
      source: z.string().meta({ description: 'The ledger.', example: 'urn:holdfast:5b2c…' }),
      type: z.literal(type),
      subject: z.string().meta({ description: 'The id of the transfer, group, hold or account.' }),
      time: Timestamp.meta({ description: 'When the ledger accepted it.' }),
      datacontenttype: z.literal('application/json'),
      data: DATA[type].extend(details).meta({ id: `${nameOf(type)}Data` }),
    })
    .meta({ id: `${nameOf(type)}Event` });

/** A CloudEvent 1.0 in JSON. */
export const Event = z
  .discriminatedUnion('type', EVENT_TYPES.map(eventOf) as [ReturnType<typeof eventOf>, ReturnType<typeof eventOf>])
  .meta({ id: 'Event', description: 'A CloudEvent 1.0.' });

export const EventPage = z
  .object({
    items: z.array(Event),
    nextCursor: z.string().meta({ description: 'Send it as `after` to get the events that follow. It is never null.' }),
    caughtUp: z.boolean().meta({
      description: 'False if more events may already be available. A page can be empty before the end.',
    }),
  })
  .meta({ id: 'EventPage' });
