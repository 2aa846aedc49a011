import type { Format } from '../../domain/authority.ts';
import type { Limits } from '../../domain/limits.ts';
import { calendarFrom } from '../../domain/testing/business-days.ts';
import { accountOf, orderOf } from '../../domain/testing/orders.ts';
import type { Account, AccountStatus, TransferOrder } from '../../domain/types.ts';
import type {
  ApplyItem,
  CacheKeeper,
  CacheServer,
  Caller,
  GroupItem,
  HoldCallItem,
  KeeperCaller,
} from '../cache-port.ts';
import { encodeOrder, statusNumber } from '../codec.ts';
import { encodeGroup } from '../group-codec.ts';
import { encodeHoldItem, type HoldItem } from '../hold-codec.ts';
import type { JournalEntry } from '../journal-entry.ts';
import { CacheModel } from './cache-model.ts';

export const REPLID = 'a'.repeat(40);
export const ACCEPTED_AT = Date.UTC(2026, 0, 31, 12);

export function account(accountId: string, fields: Partial<Account> = {}): Account {
  return accountOf(accountId, { external: accountId === 'world', ...fields });
}

export function order(transactionId: string, fields: Partial<TransferOrder> = {}): TransferOrder {
  return orderOf({ transactionId, destination: 'ada', correlationId: 'c-1', ...fields });
}

export function itemOf(one: TransferOrder, acceptedAt = ACCEPTED_AT): ApplyItem {
  return { order: one, payload: encodeOrder(one, acceptedAt), lookupCursor: Number.MAX_SAFE_INTEGER };
}

export function groupItemOf(groupId: string, members: readonly TransferOrder[], acceptedAt = ACCEPTED_AT): GroupItem {
  const group = { groupId, orders: members.map((one) => ({ ...one, groupId })), split: null };
  return { group, payload: encodeGroup(group, acceptedAt, null), lookupCursor: Number.MAX_SAFE_INTEGER };
}

export function holdItemOf(hold: HoldItem, takenAt = ACCEPTED_AT): HoldCallItem {
  return { hold, payload: encodeHoldItem(hold, takenAt), lookupCursor: Number.MAX_SAFE_INTEGER, podNow: takenAt };
}

/** A cache epoch with a registered pod, on the model or any other implementation. */
export class EpochUnderTest<C extends CacheServer & CacheKeeper = CacheModel> {
  readonly cache: C;
  readonly pod: Caller;
  readonly keeper: KeeperCaller;

  constructor(cache: C, epoch: number, replid: string, format: Format = 1) {
    this.cache = cache;
    this.pod = { epoch, format, replid, podId: 'pod' };
    this.keeper = { fenceEpoch: epoch, epoch, format, replid };
  }

  /** Activates the epoch, and installs the accounts. */
  async begin(accounts: readonly Account[]): Promise<void> {
    await this.cache.activate(this.pod, this.pod.replid, 'marker', 0);
    await this.cache.register(this.pod, 'marker');
    await this.cache.install(this.pod, accounts, 0, 1_000_000);
  }

  apply(...orders: TransferOrder[]) {
    return this.cache.apply(
      this.pod,
      orders.map((one) => itemOf(one)),
    );
  }

  applyGroup(groupId: string, ...members: TransferOrder[]) {
    return this.cache.apply(this.pod, [groupItemOf(groupId, members)]);
  }

  applyHolds(...items: HoldItem[]) {
    return this.cache.apply(
      this.pod,
      items.map((one) => holdItemOf(one)),
    );
  }

  change(
    changeId: string,
    accountId: string,
    change: { status?: AccountStatus; overdraftLimit?: number; limits?: Limits },
  ) {
    const { limits } = change;
    const by = { user: 'admin', correlationId: 'c-2' };
    return this.cache.change(this.pod, {
      accountId,
      changeId,
      expectedSettingsVersion: null,
      status: change.status === undefined ? null : statusNumber(change.status),
      overdraftLimit: change.overdraftLimit ?? null,
      ...(limits && { limits }),
      payload: JSON.stringify({ changeId, accountId, acceptedAt: ACCEPTED_AT, ...by, ...(limits && { limits }) }),
    });
  }

  async entries(afterSeq = 0): Promise<JournalEntry[]> {
    return (await this.cache.journal(this.keeper, afterSeq, 100_000)).entries;
  }

  async headSeq(): Promise<number> {
    return (await this.cache.read(this.pod, [])).head.seq;
  }
}

export async function modelEpoch(accounts: readonly Account[], epoch = 1): Promise<EpochUnderTest> {
  const model = new CacheModel(REPLID);
  model.now = () => ACCEPTED_AT;
  const begun = new EpochUnderTest(model, epoch, REPLID);
  await begun.begin(accounts);
  await model.setCalendar(begun.keeper, calendarFrom(ACCEPTED_AT));
  return begun;
}
