import type { z } from 'zod';
import { TransferPending } from '../../domain/crossing.ts';
import { accountsOfGroup, type GroupOrder, type GroupOutcome } from '../../domain/group.ts';
import { type Identity, mayUse } from '../../domain/identity.ts';
import { groupNotFound, transferNotFound } from '../../domain/not-found.ts';
import type { Outcome, TransferOrder } from '../../domain/types.ts';
import type { Ledger } from '../../ledger/ports/ledger.ts';
import type { Call } from '../http/route.ts';
import { splitAccountsOf } from './group-schema.ts';
import { outcomeFrom } from './reversal.ts';
import type { TransferRecord } from './transfer-record.ts';
import { accountsOf } from './transfer-schema.ts';

/**
 * What a caller that may use only some accounts can see. It sees a transfer from or to one of its accounts, but neither
 * the balance nor the version of the other account. It sees a group only if it may use all accounts of the group. For
 * everything else, the response is as if it did not exist, so that ids cannot be probed.
 */

type LookUp = Call<{ transactionId: string }, { sourceAccount?: string | undefined }>;

/** The outcome of a transfer that the caller may see. @throws Problem transfer_not_found, and those of the ledger */
export async function visibleOutcome(ledger: Ledger, { params, query, identity }: LookUp): Promise<Outcome> {
  try {
    return await outcomeFrom(ledger, params.transactionId, query.sourceAccount, (order) =>
      requireVisible(identity, order),
    );
  } catch (error) {
    if (error instanceof TransferPending) requireVisible(identity, error.order);
    throw error;
  }
}

function requireVisible(identity: Identity, order: TransferOrder): void {
  if (accountsOf(order).some((accountId) => mayUse(identity, accountId))) return;
  throw transferNotFound(order.transactionId);
}

type Transferred = z.input<typeof TransferRecord>;

/** Omits the state of an account that the caller may not use. */
export function visibleRecord(record: Transferred, identity: Identity): Transferred {
  const { sourceBalance, sourceVersion, destinationBalance, destinationVersion, ...rest } = record;
  return {
    ...rest,
    ...(mayUse(identity, record.sourceAccount) && { sourceBalance, sourceVersion }),
    ...(mayUse(identity, record.destinationAccount) && { destinationBalance, destinationVersion }),
  };
}

/** @throws Problem group_not_found */
export function requireVisibleGroup(identity: Identity, { group }: GroupOutcome): void {
  if (groupAccountsOf(group).every((accountId) => mayUse(identity, accountId))) return;
  throw groupNotFound(group.groupId);
}

/** All accounts of a group, including those to which a split assigns nothing. */
export const groupAccountsOf = (group: GroupOrder): string[] => [...accountsOfGroup(group), ...splitAccountsOf(group)];
