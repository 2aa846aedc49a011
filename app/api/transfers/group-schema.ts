import { z } from 'zod';
import {
  GROUP_TRANSFERS_MAX,
  GROUP_TRANSFERS_MIN,
  type GroupOrder,
  type GroupOutcome,
  memberIdOf,
  membersOf,
  type RejectedGroup,
} from '../../domain/group.ts';
import type { Identity } from '../../domain/identity.ts';
import { ID_AHEAD_MS_MAX, newUuidV7, uuidV7Time } from '../../domain/ids.ts';
import { formatAmount } from '../../domain/money.ts';
import { type FieldError, Problem, REFUSALS, transferRefusal } from '../../domain/problem.ts';
import { type SplitPart, split } from '../../domain/split.ts';
import type { Origin, TransferOrder } from '../../domain/types.ts';
import type { PostedSides, RefusedOrder } from '../../ledger/ports/ledger.ts';
import { invalid, KEY_POINTER } from '../http/validation.ts';
import {
  AccountId,
  amountAt,
  Currency,
  DryRun,
  Durability,
  DurabilityInput,
  formatTimestamp,
  Id,
  Money,
  MoneyInput,
  Timestamp,
  TransferId,
} from '../schemas/fields.ts';
import { limitFigures, refusalDetail } from './transfer-refusal.ts';
import {
  orderOf,
  previewAnswer,
  TransactionId,
  Transfer,
  TransferPreview,
  TransferRequest,
  transferAnswer,
} from './transfer-schema.ts';

const SHARE_MAX = 1_000_000_000;

const GroupId = TransactionId.meta({
  description:
    'The idempotency key of the group: one id has one outcome, forever. Group ids and transaction ids are separate: the same id can be used for both. Use a UUIDv7. If absent, the `Idempotency-Key` is used, or an id is generated.',
  example: '019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e91',
});
export const GroupIdParams = z.object({ groupId: Id.meta({ example: '019b7650-2c00-7000-8000-000000000003' }) });

export const GroupQuery = z.strictObject({
  account: AccountId.optional().meta({
    example: 'demo-alice',
    description:
      'Any account of the group. With several shards, only the shard of this account is queried, so the answer is faster, does not depend on other shards, and is unambiguous even if several shards have this id.',
  }),
});

const GroupedTransfer = TransferRequest.omit({ durability: true, dryRun: true }).meta({ id: 'GroupedTransfer' });
export const TransferGroupRequest = z
  .strictObject({
    groupId: GroupId.nullish(),
    transfers: z
      .array(GroupedTransfer)
      .min(GROUP_TRANSFERS_MIN)
      .max(GROUP_TRANSFERS_MAX)
      .meta({ description: 'The transfers, decided in order, each on the balances left by the previous ones.' }),
    durability: DurabilityInput,
    dryRun: DryRun,
  })
  .meta({ id: 'TransferGroupRequest' });
type TransferGroupRequest = z.output<typeof TransferGroupRequest>;

const Destination = z
  .strictObject({
    account: AccountId,
    amount: MoneyInput.nullish(),
    share: z
      .int()
      .min(1)
      .max(SHARE_MAX)
      .nullish()
      .meta({ description: 'A weight: the rest is divided in proportion to the shares.' }),
    // A literal would be an enumeration of booleans, which code generators do not understand.
    remaining: z
      .boolean()
      .refine((value) => value, 'must be true')
      .nullish()
      .meta({ description: 'True: this destination gets everything that is left after the amounts.' }),
  })
  .refine(
    ({ amount, share, remaining }) => [amount, share, remaining].filter((one) => (one ?? null) !== null).length === 1,
    'must have exactly one of amount, share and remaining',
  )
  .meta({ id: 'SplitDestination' });

export const TransferSplitRequest = TransferRequest.omit({ transactionId: true, destinationAccount: true })
  .extend({
    groupId: GroupId.nullish(),
    destinations: z.array(Destination).min(1).max(GROUP_TRANSFERS_MAX).meta({
      description:
        'Fixed amounts are subtracted first. The rest is split in proportion to the shares, or goes to one destination in full.',
    }),
    dryRun: DryRun,
  })
  .meta({ id: 'TransferSplitRequest' });
type TransferSplitRequest = z.output<typeof TransferSplitRequest>;

const GroupCommon = z.object({
  groupId: Id,
  status: z.literal('POSTED'),
  acceptedAt: Timestamp,
  durability: Durability.meta({ description: 'The durability reached: `persisted` means committed in MySQL.' }),
  replayed: z.boolean().meta({ description: 'True if this outcome already existed.' }),
});

export const TransferGroup = GroupCommon.extend({
  transfers: z.array(Transfer).meta({ description: 'The transfers, in the order of the request.' }),
}).meta({ id: 'TransferGroup' });

const Part = z
  .object({
    account: AccountId,
    amount: Money,
    transactionId: TransferId.optional().meta({ description: 'Absent for a share that came to zero.' }),
  })
  .meta({ id: 'SplitPart' });
const PartPreview = Part.omit({ transactionId: true }).meta({ id: 'SplitPartPreview' });
export const TransferSplit = GroupCommon.extend({
  sourceAccount: AccountId,
  amount: Money,
  currency: Currency,
  destinations: z
    .array(Part)
    .meta({ description: 'The amount that each destination got, in the order of the request.' }),
}).meta({ id: 'TransferSplit' });

const previewed = {
  dryRun: z.literal(true),
  groupId: Id.optional().meta({ description: 'Present only if the request contains one.' }),
};
export const TransferGroupPreview = z
  .object({ ...previewed, status: z.literal('POSTED'), transfers: z.array(TransferPreview) })
  .meta({ id: 'TransferGroupPreview', description: 'What the group would do now.' });
export const TransferSplitPreview = TransferSplit.omit({ acceptedAt: true, durability: true, replayed: true })
  .extend({ ...previewed, destinations: z.array(PartPreview) })
  .meta({ id: 'TransferSplitPreview', description: 'What the split would do now.' });

export const TransferGroupRecord = TransferGroup.extend({
  status: z.enum(['POSTED', 'REJECTED']),
  transfers: z
    .array(Transfer.partial().meta({ id: 'GroupMemberRecord' }))
    .meta({ description: 'For a refused group: what was requested.' }),
  index: z
    .int()
    .optional()
    .meta({ description: 'For a refused group: the index of the refused transfer, starting at 0.' }),
  refusal: z.enum(REFUSALS).optional().meta({ description: 'Why it is `REJECTED`.' }),
  destinations: z.array(Part).optional().meta({ description: 'For a split: the amount that each destination got.' }),
  persisted: z.boolean().meta({ description: 'True once the outcome is in MySQL.' }),
}).meta({ id: 'TransferGroupRecord' });

interface Asked {
  origin: Origin;
  nowMs: number;
  /** The id from the Idempotency-Key. */
  key: string | null;
}

/** @throws Problem validation_failed */
export function groupOf(request: TransferGroupRequest, { origin, nowMs, key }: Asked): GroupOrder {
  const groupId = groupIdOf(request.groupId ?? null, key, nowMs);
  const orders = request.transfers.map((member, index) =>
    under(`/transfers/${index}`, () => memberOf(member, { groupId, index, origin, nowMs })),
  );
  return { groupId, orders, split: null };
}

/**
 * The group that carries out a split, without the destinations whose share came to zero. @throws Problem
 * validation_failed
 */
export function splitGroupOf(request: TransferSplitRequest, { origin, nowMs, key }: Asked): GroupOrder {
  const groupId = groupIdOf(request.groupId ?? null, key, nowMs);
  const { destinations, groupId: _groupId, dryRun: _dryRun, durability: _durability, ...common } = request;
  const { sourceAccount, amount, currency } = common;
  const errors: FieldError[] = [];
  const total = amountAt('/amount', amount, currency, errors);
  if (total === 0 && errors.length === 0) errors.push({ pointer: '/amount', detail: 'must be more than zero' });
  const parts = destinations.map((destination, index): SplitPart => {
    if (destination.account === sourceAccount)
      errors.push({ pointer: `/destinations/${index}/account`, detail: 'must differ from the source account' });
    if (destination.share) return { share: destination.share };
    if (destination.remaining) return { remaining: true };
    return { amount: amountAt(`/destinations/${index}/amount`, destination.amount ?? '', currency, errors) };
  });
  if (errors.length > 0) throw invalid(errors);
  const amounts = split(total, parts);
  if (!Array.isArray(amounts)) {
    const pointer = amounts.index < 0 ? '/destinations' : `/destinations/${amounts.index}`;
    throw invalid([{ pointer, detail: amounts.detail }]);
  }
  const orders = destinations.flatMap(({ account }, index) => {
    const minor = amounts[index] ?? 0;
    if (minor === 0) return [];
    const member = {
      ...common,
      destinationAccount: account,
      amount: formatAmount(minor, currency),
      transactionId: null,
    };
    return [memberOf(member, { groupId, index, origin, nowMs })];
  });
  const asked: SplitContent = { total, destinations: destinations.map(({ account }) => account), parts };
  return { groupId, orders, split: JSON.stringify(asked) };
}

/** @throws Problem validation_failed for a UUIDv7 from the future, which the ledger would refuse */
function groupIdOf(own: string | null, key: string | null, nowMs: number): string {
  const groupId = own ?? key ?? newUuidV7(nowMs);
  if ((uuidV7Time(groupId) ?? 0) <= nowMs + ID_AHEAD_MS_MAX) return groupId;
  const pointer = own === null ? KEY_POINTER : '/groupId';
  throw invalid([{ pointer, detail: "is a UUIDv7 more than 60 seconds ahead of the ledger's clock" }]);
}

/** The parts of a split's request that its transfers do not show. */
interface SplitContent {
  total: number;
  /** Account ids, and the amount that each account was to get. */
  destinations: string[];
  parts: SplitPart[];
}

type Member = Omit<TransferRequest, 'durability' | 'dryRun'>;

function memberOf(
  member: Member,
  { groupId, index, origin, nowMs }: { groupId: string; index: number; origin: Origin; nowMs: number },
): TransferOrder {
  const transactionId = member.transactionId ?? memberIdOf(groupId, index);
  if (transactionId === null)
    throw invalid([
      { pointer: '/groupId', detail: 'is too long: transfers without an id get one that is formed from it' },
    ]);
  return { ...orderOf({ ...member, transactionId, durability: null }, origin, nowMs), groupId };
}

/** Pointers of errors begin with the path of the member. */
function under<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Problem) || !error.extras.errors) throw error;
    throw invalid(
      error.extras.errors.map(({ pointer, detail }) => ({
        pointer: pointer === '/groupId' ? pointer : path + pointer,
        detail,
      })),
    );
  }
}

/** The answer to a group: 201, 200 if it already existed. @throws Problem group_refused */
export function groupAnswer(outcome: GroupOutcome, durability: z.output<typeof Durability>, identity: Identity) {
  if (outcome.status === 'REJECTED') throw groupRefused(outcome, identity);
  const transfers = membersOf(outcome).map((member) => transferAnswer(member, durability, identity));
  const body: z.input<typeof TransferGroup> = { ...common(outcome, durability), status: 'POSTED', transfers };
  return { status: outcome.replayed ? 200 : 201, body };
}

/** The answer to a split. @throws Problem group_refused */
export function splitAnswer(outcome: GroupOutcome, durability: z.output<typeof Durability>, identity: Identity) {
  if (outcome.status === 'REJECTED') throw groupRefused(outcome, identity);
  const body: z.input<typeof TransferSplit> = {
    ...common(outcome, durability),
    status: 'POSTED',
    ...splitOf(outcome.group),
  };
  return { status: outcome.replayed ? 200 : 201, body };
}

function splitOf(group: GroupOrder) {
  const [first] = group.orders;
  const destinations = partsOf(group);
  if (!first || !destinations || group.split === null) throw new Error(`group ${group.groupId} is not a split`);
  const { total } = JSON.parse(group.split) as SplitContent;
  const { source, currency } = first;
  return { sourceAccount: source, amount: formatAmount(total, currency), currency, destinations };
}

/** Everything known about a group, even a refused one. */
export function groupRecord(outcome: GroupOutcome, identity: Identity): z.input<typeof TransferGroupRecord> {
  const destinations = partsOf(outcome.group);
  const more = { persisted: outcome.persisted, ...(destinations && { destinations }) };
  if (outcome.status === 'POSTED') {
    const transfers = membersOf(outcome).map((member) => transferAnswer(member, 'cache', identity));
    return { ...common(outcome, 'cache'), status: 'POSTED', transfers, ...more };
  }
  const transfers = outcome.group.orders.map(({ transactionId, source, destination, amount, currency }) => ({
    transactionId,
    sourceAccount: source,
    destinationAccount: destination,
    amount: formatAmount(amount, currency),
    currency,
  }));
  const { index } = outcome;
  const refusal = transferRefusal(outcome.refusal);
  return { ...common(outcome, 'cache'), status: 'REJECTED', index, refusal, transfers, ...more };
}

const common = ({ group, acceptedAt, persisted, replayed }: GroupOutcome, durability: z.output<typeof Durability>) => ({
  groupId: group.groupId,
  acceptedAt: formatTimestamp(acceptedAt),
  durability: persisted ? ('persisted' as const) : durability,
  replayed,
});

/** The amount that each destination got; null for a group that is not a split. */
function partsOf({ split: text, orders }: GroupOrder): z.input<typeof Part>[] | null {
  if (text === null) return null;
  const { total, destinations, parts } = JSON.parse(text) as SplitContent;
  const amounts = split(total, parts);
  const currency = orders[0]?.currency ?? '';
  let member = 0;
  return destinations.map((account, index) => {
    const amount = Array.isArray(amounts) ? (amounts[index] ?? 0) : 0;
    const order = amount > 0 ? orders[member++] : undefined;
    return { account, amount: formatAmount(amount, currency), ...(order && { transactionId: order.transactionId }) };
  });
}

/** The destinations of a split, including those that get nothing. */
export const splitAccountsOf = (group: GroupOrder): string[] => (partsOf(group) ?? []).map(({ account }) => account);

/** The problem of a refused group, the same for a new refusal and for its replay. */
const groupRefused = (outcome: RejectedGroup, identity: Identity): Problem =>
  groupRefusedBy(outcome.group, outcome, outcome.group.groupId, identity);

/** The ids of the transfers remain unused, so none is named. */
export function groupRefusedBy(
  { orders }: GroupOrder,
  { index, refusal, limit }: RefusedOrder,
  groupId: string | null,
  identity: Identity,
): Problem {
  const order = orders[index];
  const why = order ? refusalDetail(order, refusal) : '';
  const detail = `Transfer ${index} of the group was refused, so none was made: ${why}`;
  return new Problem('group_refused', detail, {
    ...(groupId !== null && { groupId }),
    index,
    refusal,
    ...(order && limitFigures(limit, order, identity)),
  });
}

/** The response to a dry run of a group. @param own the ids that the request contains */
export function groupPreview(
  { orders }: GroupOrder,
  sides: PostedSides['sides'],
  own: { groupId: string | null; transactionIds: readonly (string | null)[] },
  identity: Identity,
): z.input<typeof TransferGroupPreview> {
  const transfers = orders.flatMap((order, index) => {
    const side = sides[index];
    return side ? [previewAnswer(order, side, own.transactionIds[index] ?? null, identity)] : [];
  });
  return { dryRun: true, ...(own.groupId !== null && { groupId: own.groupId }), status: 'POSTED', transfers };
}

/** The response to a dry run of a split. */
export function splitPreview(group: GroupOrder, groupId: string | null): z.input<typeof TransferSplitPreview> {
  const { sourceAccount, amount, currency, destinations } = splitOf(group);
  return {
    dryRun: true,
    ...(groupId !== null && { groupId }),
    status: 'POSTED',
    sourceAccount,
    amount,
    currency,
    destinations: destinations.map(({ transactionId: _transactionId, ...part }) => part),
  };
}
