import { type GroupOutcome, membersOf } from '../../domain/group.ts';
import type { HoldEvent } from '../../domain/hold-events.ts';
import type { HoldAfter } from '../../domain/hold-types.ts';
import type { Account, Outcome, Side } from '../../domain/types.ts';
import { addGroup, IntegrityError, idTimeOfGroup, type JournaledChange, laterIdTime } from '../flush-batch.ts';
import {
  describeItem,
  type Journaled,
  type JournaledGroup,
  type JournaledHold,
  type JournaledSettings,
} from '../journaled.ts';

/** The effect of an item on one account. */
interface Effect {
  accountId: string;
  currency: string;
  change: number;
  side: Side;
  hold?: HoldAfter | undefined;
}

/**
 * Replays a journal onto the accounts as MySQL has them. The items of an account are in the order of its versions: each
 * posting has the next version, and the settings version that it was decided with; each change of the settings has the
 * next settings version, and the version of the balance. An item therefore fits if and only if everything before it has
 * been applied.
 */
export class Replay {
  readonly outcomes: Outcome[] = [];
  readonly groups: GroupOutcome[] = [];
  readonly changes: JournaledChange[] = [];
  readonly holdEvents: HoldEvent[] = [];
  /** The largest UUIDv7 time of the applied ids, ms. */
  idTimeMax = 0;
  readonly #accounts: Map<string, Account>;

  constructor(accounts: ReadonlyMap<string, Account>) {
    this.#accounts = new Map(accounts);
  }

  /**
   * True if the item may be applied, because nothing before it is missing. A refusal moves no account, so it always
   * fits.
   * @throws IntegrityError if it contradicts an earlier item
   */
  fits(item: Journaled): boolean {
    if (item.kind === 'account-change') return this.#changeFits(item);
    if (item.kind === 'group') return this.#groupFits(item);
    if (item.kind !== 'transfers') return this.#eventFits(item);
    if (item.outcome.status === 'REJECTED') return true;
    const { order, source, destination, hold } = item.outcome;
    // Both sides are checked, so that a contradiction on one side never hides behind a gap on the other.
    const { currency } = order;
    const sourceFits = this.#sideFits(item, {
      accountId: order.source,
      currency,
      change: -order.amount,
      side: source,
      hold,
    });
    const destinationFits = this.#sideFits(item, {
      accountId: order.destination,
      currency,
      change: order.amount,
      side: destination,
    });
    return sourceFits && destinationFits;
  }

  /** Applies an item that fits. */
  apply(item: Journaled): void {
    this.idTimeMax = laterIdTime(this.idTimeMax, item.id);
    if (item.kind === 'account-change') {
      const { accountId, status, overdraftLimit, settingsVersion } = item.change;
      this.#accounts.set(accountId, { ...this.#account(accountId), status, overdraftLimit, settingsVersion });
      this.changes.push(item.change);
      return;
    }
    if ('event' in item) {
      const { event } = item;
      this.holdEvents.push(event);
      if (event.kind !== 'REFUSED') this.#moveTo(event.account, event.side, event);
      return;
    }
    const first = this.outcomes.length;
    if (item.kind === 'transfers') this.outcomes.push(item.outcome);
    else {
      addGroup(this, item.outcome);
      this.idTimeMax = Math.max(this.idTimeMax, idTimeOfGroup(item.outcome));
    }
    for (let index = first; index < this.outcomes.length; index++) this.#post(this.outcomes[index]);
  }

  #post(outcome: Outcome | undefined): void {
    if (outcome?.status !== 'POSTED') return;
    this.#moveTo(outcome.order.source, outcome.source, outcome.hold);
    this.#moveTo(outcome.order.destination, outcome.destination);
  }

  /**
   * A group must fit as a whole: each member is checked against a copy of the accounts to which the previous members
   * were applied.
   */
  #groupFits({ outcome, accounts }: JournaledGroup): boolean {
    if (outcome.status === 'REJECTED') return true;
    const copy = new Replay(new Map(accounts.map((id) => [id, this.#account(id)])));
    for (const member of membersOf(outcome)) {
      const { seq, order } = member;
      const { transactionId: id, source, destination } = order;
      const item = {
        kind: 'transfers',
        seq,
        lastSeq: seq,
        id,
        accounts: [source, destination],
        outcome: member,
      } as const;
      if (!copy.fits(item)) return false;
      copy.apply(item);
    }
    return true;
  }

  #moveTo(accountId: string, { balance, version }: Side, hold?: HoldAfter): void {
    const account = this.#account(accountId);
    this.#accounts.set(accountId, { ...account, balance, version, held: hold?.held ?? account.held });
  }

  #sideFits(item: Journaled, { accountId, currency, change, side, hold }: Effect): boolean {
    const account = this.#account(accountId);
    this.#mustFollow(item, account, side.version - 1, side.settingsVersion);
    if (side.version !== account.version + 1 || side.settingsVersion !== account.settingsVersion) return false;
    if (side.balance !== account.balance + change || account.currency !== currency)
      throw new IntegrityError(`${describeItem(item)}: wrong balance or currency of account ${accountId}`);
    if (hold && hold.held !== account.held + hold.heldChange)
      throw new IntegrityError(`${describeItem(item)}: wrong held amount of account ${accountId}`);
    return true;
  }

  /** Earlier events of the hold have raised the version of its account, so it is enough to check the account. */
  #eventFits(item: JournaledHold): boolean {
    const { event } = item;
    if (event.kind === 'REFUSED') return true;
    const { account: accountId, currency, side } = event;
    return this.#sideFits(item, { accountId, currency, change: 0, side, hold: event });
  }

  #changeFits(item: JournaledSettings): boolean {
    const account = this.#account(item.change.accountId);
    const settingsBefore = item.change.settingsVersion - 1;
    this.#mustFollow(item, account, item.version, settingsBefore);
    return item.version === account.version && settingsBefore === account.settingsVersion;
  }

  /** An item that was decided on an older version than the account has now is a duplicate or invalid. */
  #mustFollow(item: Journaled, account: Account, version: number, settingsVersion: number): void {
    if (version >= account.version && settingsVersion >= account.settingsVersion) return;
    throw new IntegrityError(
      `${describeItem(item)} was decided on ${version}/${settingsVersion} of account ${account.accountId}, which is at ${account.version}/${account.settingsVersion}`,
    );
  }

  #account(accountId: string): Account {
    const account = this.#accounts.get(accountId);
    if (!account) throw new IntegrityError(`MySQL does not have account ${accountId}`);
    return account;
  }
}
