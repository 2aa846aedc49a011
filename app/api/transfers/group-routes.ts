import { accountsOfGroup } from '../../domain/group.ts';
import { requireAccounts } from '../../domain/identity.ts';
import { Problem, type ProblemCode } from '../../domain/problem.ts';
import type { Books, Ledger } from '../../ledger/ports/ledger.ts';
import { type Call, idempotencyKeyOf, type Route, route } from '../http/route.ts';
import { IdempotencyKeyHeader, refused } from '../http/validation.ts';
import { dryGroup } from './dry-run.ts';
import {
  GroupIdParams,
  GroupQuery,
  groupAnswer,
  groupOf,
  groupRecord,
  splitAnswer,
  splitGroupOf,
  TransferGroup,
  TransferGroupPreview,
  TransferGroupRecord,
  TransferGroupRequest,
  TransferSplit,
  TransferSplitPreview,
  TransferSplitRequest,
} from './group-schema.ts';
import { LEDGER_PROBLEMS, originOf, TransactionId } from './transfer-schema.ts';
import { groupAccountsOf, requireVisibleGroup } from './visibility.ts';

interface GroupDependencies {
  ledger: Ledger;
  books: Pick<Books, 'businessWindows'>;
  /** This pod's estimate of the ledger's time, ms since 1970. */
  ledgerNow: () => number;
}

const tag = 'Transfers';
const KEY =
  'The `groupId` for a body without one; if both are given, they must be equal. An id, bare or in double quotes.';
const PROBLEMS: readonly ProblemCode[] = [
  'transaction_id_reused',
  'group_id_reused',
  'payload_too_large',
  'group_refused',
  'group_spans_shards',
  'feature_not_active',
  ...LEDGER_PROBLEMS,
];
const REPEATED = 'A group with the same id and content was already posted; or, for a dry run, what would happen';

/** Money that passes through an account: Bob can pay the fee out of what he gets. */
const GROUP_EXAMPLE = {
  transfers: [
    { sourceAccount: 'demo-alice', destinationAccount: 'demo-bob', amount: '1.00', currency: 'EUR' },
    { sourceAccount: 'demo-bob', destinationAccount: 'world', amount: '0.10', currency: 'EUR', reference: 'Fee' },
  ],
};
const SPLIT_EXAMPLE = {
  sourceAccount: 'demo-alice',
  amount: '1.00',
  currency: 'EUR',
  destinations: [
    { account: 'world', amount: '0.10' },
    { account: 'demo-bob', remaining: true as const },
  ],
  reference: 'Order 2026-0042',
};

export function groupRoutes(deps: GroupDependencies): Route[] {
  return [transferGroup(deps), transferSplit(deps), readGroup(deps)];
}

function transferGroup({ ledger, books, ledgerNow }: GroupDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/transfers/group',
    scopes: ['transfers:write'],
    accounts: 'handler',
    tag,
    summary: 'Make 2 to 100 transfers together: all of them, or none',
    description:
      'The transfers are decided in order, each on the balances that result from the previous ones. If one is refused, none is made, and the ids of the transfers can still be used; the refusal is the outcome of the `groupId`.',
    headers: IdempotencyKeyHeader(KEY),
    takesIdempotencyKey: true,
    body: { schema: TransferGroupRequest, isList: true, example: GROUP_EXAMPLE },
    answers: {
      201: { description: 'Posted', schema: TransferGroup },
      200: {
        description: REPEATED,
        schema: TransferGroup.or(TransferGroupPreview).meta({ id: 'TransferGroupOrPreview' }),
      },
    },
    problems: PROBLEMS,
    async handle(call) {
      const { body, identity } = call;
      const durability = body.durability ?? 'cache';
      const key = keyOf(call, body.groupId);
      const group = groupOf(body, { origin: originOf(call), nowMs: ledgerNow(), key });
      requireAccounts(identity, groupAccountsOf(group));
      if (body.dryRun) {
        const transactionIds = body.transfers.map(({ transactionId }) => transactionId ?? null);
        return dryGroup({ ledger, books }, group, { groupId: body.groupId ?? key, transactionIds }, identity);
      }
      const answer = await ledger.applyGroup(group, durability);
      if (answer instanceof Problem) throw withGroup(answer, group.groupId);
      return groupAnswer(answer, durability, identity);
    },
  });
}

function transferSplit({ ledger, books, ledgerNow }: GroupDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/transfers/split',
    scopes: ['transfers:write'],
    accounts: 'handler',
    tag,
    summary: 'Divide an amount between several accounts, to the last minor unit',
    description:
      'The amounts are subtracted first. The rest is divided in proportion to the shares (leftover minor units go to the largest remainders, the earlier destination first if they are equal), or goes to one destination as a whole. The transfers are made as a group: all of them, or none.',
    headers: IdempotencyKeyHeader(KEY),
    takesIdempotencyKey: true,
    body: { schema: TransferSplitRequest, isList: true, example: SPLIT_EXAMPLE },
    answers: {
      201: { description: 'Posted', schema: TransferSplit },
      200: {
        description: REPEATED,
        schema: TransferSplit.or(TransferSplitPreview).meta({ id: 'TransferSplitOrPreview' }),
      },
    },
    problems: PROBLEMS,
    async handle(call) {
      const { body, identity } = call;
      const durability = body.durability ?? 'cache';
      const key = keyOf(call, body.groupId);
      const group = splitGroupOf(body, { origin: originOf(call), nowMs: ledgerNow(), key });
      requireAccounts(identity, groupAccountsOf(group));
      if (body.dryRun)
        return dryGroup({ ledger, books }, group, { groupId: body.groupId ?? key, transactionIds: [] }, identity);
      const answer = await ledger.applyGroup(group, durability);
      if (answer instanceof Problem) throw withGroup(answer, group.groupId);
      return splitAnswer(answer, durability, identity);
    },
  });
}

function readGroup({ ledger }: GroupDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/transfers/group/{groupId}',
    scopes: ['transfers:write', 'balances:read'],
    accounts: 'handler',
    tag,
    summary: 'Read a group or a split, posted or refused',
    params: GroupIdParams,
    query: GroupQuery,
    answers: { 200: { description: 'The group', schema: TransferGroupRecord } },
    problems: [
      'group_not_found',
      'group_id_ambiguous',
      'feature_not_active',
      'account_unsettled',
      'ledger_switching',
      'ledger_closed',
      'database_unavailable',
    ],
    async handle({ params: { groupId }, query: { account }, identity }) {
      const outcome = await ledger.groupOutcome(groupId, { account });
      requireVisibleGroup(identity, outcome);
      if (account !== undefined && !accountsOfGroup(outcome.group).includes(account))
        throw new Problem('group_not_found', `there is no group ${groupId} with a transfer of ${account}`);
      return { status: 200, body: groupRecord(outcome, identity) };
    },
  });
}

function keyOf(call: Call, groupId: string | null | undefined): string | null {
  const key = idempotencyKeyOf(call, TransactionId);
  if (key !== null && (groupId ?? key) !== key)
    throw refused('must equal the groupId of the body, or one of the two must be omitted');
  return key;
}

/** Adds the group's id: otherwise, if the id was generated here, the client could not look the group up. */
function withGroup(problem: Problem, groupId: string): Problem {
  if (problem.extras.groupId !== undefined) return problem;
  return new Problem(problem.code, problem.message, { ...problem.extras, groupId }, { cause: problem });
}
