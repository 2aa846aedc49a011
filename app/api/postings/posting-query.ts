import { z } from 'zod';
import type { FieldError } from '../../domain/problem.ts';
import type { HistoryFilter, HistoryQuery } from '../../ledger/ports/history.ts';
import { invalid } from '../http/validation.ts';
import { amountAt, LIMIT_DEFAULT, ListLimit, MoneyInput, TimestampInput } from '../schemas/fields.ts';
import { decodeCursor } from './posting-cursor.ts';
import { HOLD_KINDS, TRANSFER_KINDS } from './posting-schema.ts';

const KINDS = [...TRANSFER_KINDS, ...HOLD_KINDS] as const;
type Kind = (typeof KINDS)[number];

const AmountFilter = (what: string) =>
  MoneyInput.optional().meta({
    description: `Only transfers of at ${what} this amount, in either direction, in major units.`,
    // No example, because `/docs` would fill it into every request.
    example: undefined,
  });

const Kinds = z
  .string()
  .transform((text, context) => {
    const kinds = text.split(',');
    const unknown = kinds.find((kind) => !(KINDS as readonly string[]).includes(kind));
    if (unknown === undefined) return kinds as Kind[];
    context.addIssue({ code: 'custom', message: `must be one or more of ${KINDS.join(', ')}, separated by commas` });
    return z.NEVER;
  })
  .optional()
  .meta({ type: 'string', description: `Only items of these kinds, separated by commas: ${KINDS.join(', ')}.` });

/** Every parameter except `at`, which cannot be combined with any of them. */
const listing = {
  order: z
    .enum(['asc', 'desc'])
    .optional()
    .meta({ default: 'asc', description: '`asc`: oldest first. `desc`: newest first.' }),
  from: TimestampInput.optional().meta({ description: 'Accepted at or after this time.' }),
  to: TimestampInput.optional().meta({ description: 'Accepted before this time.' }),
  cursor: z.string().max(64).optional().meta({
    description:
      'The `nextCursor` or the `previousCursor` of an earlier response. It is a place between two items, so it stays valid, and may also be used with the other `order`.',
  }),
  limit: ListLimit,
  holds: z
    .enum(['true', 'false'])
    .optional()
    .meta({ type: 'boolean', default: true, description: '`false` leaves out the events of holds.' }),
  kind: Kinds,
  direction: z
    .enum(['debit', 'credit'])
    .optional()
    .meta({ description: 'Only transfers from this account (`debit`), or only transfers to it (`credit`).' }),
  minAmount: AmountFilter('least'),
  maxAmount: AmountFilter('most'),
};

export const PostingsQuery = z
  .strictObject({
    ...listing,
    at: TimestampInput.optional().meta({
      description:
        'The balance at this time, with the last item accepted at or before it. Cannot be combined with other parameters.',
    }),
  })
  .superRefine((query, context) => {
    if (query.at === undefined) return;
    for (const name of Object.keys(listing) as (keyof typeof listing)[]) {
      if (query[name] === undefined) continue;
      context.addIssue({ code: 'custom', path: [name], message: 'cannot be combined with at' });
    }
  });
type Query = z.output<typeof PostingsQuery>;

/** One page of a list: what to read, and how to present it. */
export interface Page {
  query: HistoryQuery;
  /** True if the items are read in the reverse of the requested order. */
  isBackward: boolean;
}

/** @param currencyOf the currency of the account, needed to read amounts. @throws Problem validation_failed */
export async function pageOf(accountId: string, query: Query, currencyOf: () => Promise<string>): Promise<Page> {
  const { from, to, limit = LIMIT_DEFAULT } = query;
  const { position, way } = query.cursor === undefined ? START : decodeCursor(query.cursor);
  const isBackward = way === 'previous';
  const toward = (query.order === 'desc') === isBackward ? 'newer' : 'older';
  const filter = await filterOf(query, currencyOf);
  return {
    isBackward,
    query: {
      accountId,
      position,
      toward,
      limit,
      holds: query.holds !== 'false',
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
      ...(filter && { filter }),
    },
  };
}

const START = { position: null, way: 'next' } as const;

async function filterOf(query: Query, currencyOf: () => Promise<string>): Promise<HistoryFilter | null> {
  const { kind, direction, minAmount, maxAmount } = query;
  if ([kind, direction, minAmount, maxAmount].every((one) => one === undefined)) return null;
  const filter: HistoryFilter = { ...(kind && { kinds: kind }), ...(direction && { direction }) };
  if (minAmount === undefined && maxAmount === undefined) return filter;
  const currency = await currencyOf();
  const errors: FieldError[] = [];
  if (minAmount !== undefined) filter.amountMin = amountAt('/minAmount', minAmount, currency, errors);
  if (maxAmount !== undefined) filter.amountMax = amountAt('/maxAmount', maxAmount, currency, errors);
  if (errors.length > 0) throw invalid(errors);
  return filter;
}
