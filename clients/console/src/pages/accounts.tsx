import { useEffect, useState } from 'preact/hooks';
import { part } from '../api.ts';
import { Confirm } from '../confirm.tsx';
import { Pages } from '../paging.tsx';
import type { Account, AccountSettings, HoldList, LimitUsage, PostingList } from '../schemas.ts';
import { linkTo, useCommand, useLoaded, useMay, useSession } from '../state.ts';
import { Badge, Card, Choice, Facts, Field, Notice, OpenById, Page, Shown, Table, when } from '../ui.tsx';
import { ACCOUNT_STATUSES, AccountSearch } from './account-search.tsx';
import { BalanceOverTime } from './balance-chart.tsx';

const EVERY_MS = 5_000;

export function AccountsPage({ rest: [id] }: { rest: readonly string[] }) {
  if (id !== undefined) return <AccountPage id={id} />;
  return (
    <Page title="Accounts" intro="Balances, settings, holds, limits and history.">
      <Card title="Show an account">
        <OpenById label="Account id" open={(account) => location.assign(linkTo('accounts', account))} />
      </Card>
      <AccountSearch />
    </Page>
  );
}

function AccountPage({ id }: { id: string }) {
  const path = `/v1/accounts/${part(id)}`;
  const account = useLoaded<Account>(path, EVERY_MS);
  const limits = useLoaded<LimitUsage>(`${path}/limits`);
  const holds = useLoaded<HoldList>(`${path}/holds?limit=50`);
  return (
    <Page title={`Account ${id}`}>
      <Shown of={account}>
        {(data) => (
          <>
            <Card title="Balance">
              <Facts facts={balanceFacts(data)} />
            </Card>
            <BalanceOverTime path={path} currency={data.currency} />
            <Settings account={data} reload={account.reload} />
          </>
        )}
      </Shown>
      <Card title="Limits">
        <Shown of={limits}>{(usage) => <Limits usage={usage} />}</Shown>
      </Card>
      <Card title="Holds">
        <Shown of={holds}>{(list) => <Holds list={list} />}</Shown>
      </Card>
      <Postings path={path} />
    </Page>
  );
}

const balanceFacts = (account: Account) =>
  [
    ['Balance', <strong key="balance">{`${account.balance} ${account.currency}`}</strong>],
    ['Available', account.available === null ? 'no limit' : `${account.available} ${account.currency}`],
    ['Held', `${account.held} ${account.currency}`],
    ['Version', account.version],
    ['As of', when(account.asOf)],
    ['From', account.source === 'cache' ? 'Redis' : 'MySQL'],
    ...(account.stale
      ? [
          [
            'Current',
            <Badge key="stale" tone="warning">
              may be outdated
            </Badge>,
          ] as const,
        ]
      : []),
  ] as const;

function Settings({ account, reload }: { account: Account; reload: () => void }) {
  const mayChange = useMay('accounts:write');
  return (
    <Card title="Settings">
      <Facts
        facts={[
          [
            'Status',
            <Badge key="status" tone={account.status === 'ACTIVE' ? 'good' : 'bad'}>
              {account.status}
            </Badge>,
          ],
          ['Name', account.name],
          ['Overdraft limit', account.external ? 'external account' : `${account.overdraftLimit} ${account.currency}`],
          ['Settings version', account.settingsVersion],
          ['Opened', when(account.openedAt)],
        ]}
      />
      {mayChange && account.status !== 'CLOSED' && <Change account={account} reload={reload} />}
    </Card>
  );
}

/**
 * Changes only the settings that the operator has seen. The page keeps reloading the account, so the version that the
 * operator started from is kept: if the settings have changed since then, nothing is sent.
 */
function Change({ account, reload }: { account: Account; reload: () => void }) {
  const { api } = useSession();
  const [base, setBase] = useState(account);
  const [status, setStatus] = useState<string>(base.status);
  const [overdraft, setOverdraft] = useState(base.overdraftLimit);
  const beginWith = (current: Account) => {
    setBase(current);
    setStatus(current.status);
    setOverdraft(current.overdraftLimit);
  };
  const body = {
    ...(status !== base.status && { status }),
    ...(overdraft !== base.overdraftLimit && { overdraftLimit: overdraft }),
  };
  const command = useCommand(
    () =>
      api.send<AccountSettings>('PATCH', `/v1/accounts/${part(base.accountId)}`, {
        body,
        headers: { 'If-Match': `"${base.settingsVersion}"` },
      }),
    ({ status: now, overdraftLimit, settingsVersion }) => {
      beginWith({ ...base, status: now, overdraftLimit, settingsVersion });
      reload();
    },
  );
  const isChanged = Object.keys(body).length > 0;
  const isOutdated = account.settingsVersion > base.settingsVersion && !command.isBusy;
  useEffect(() => {
    if (isOutdated && !isChanged) beginWith(account);
  }, [isOutdated, isChanged]);
  return (
    <div class="row">
      <Choice label="New status" value={status} set={setStatus} options={ACCOUNT_STATUSES} />
      {!base.external && <Field label="New overdraft limit" value={overdraft} set={setOverdraft} />}
      {isChanged && isOutdated && (
        <Notice tone="warning">
          <p>The settings have changed since you began.</p>
          <button type="button" onClick={() => beginWith(account)}>
            Begin again
          </button>
        </Notice>
      )}
      {isChanged && !isOutdated && (
        <Confirm
          action="Change"
          title={`Change account ${base.accountId}`}
          tone={status === 'CLOSED' ? 'danger' : 'primary'}
          {...(status === 'CLOSED' && { typed: base.accountId })}
          command={command}
        >
          {status !== base.status && (
            <p>
              Status from {base.status} to {status}.{status === 'CLOSED' && ' This cannot be undone.'}
            </p>
          )}
          {overdraft !== base.overdraftLimit && (
            <p>
              Overdraft limit from {base.overdraftLimit} to {overdraft} {base.currency}.
            </p>
          )}
        </Confirm>
      )}
    </div>
  );
}

const LIMIT_NAMES = {
  transferMax: 'One transfer',
  dailyDebitMax: 'Debits per day',
  monthlyDebitMax: 'Debits per month',
  dailyCreditMax: 'Credits per day',
  balanceMax: 'Balance',
} as const;

function Limits({ usage }: { usage: LimitUsage }) {
  const rows = Object.entries(LIMIT_NAMES).flatMap(([key, name]) => {
    const limit = usage[key as keyof typeof LIMIT_NAMES] as Readonly<Record<string, unknown>> | null;
    return limit
      ? [{ name, ...limit } as { name: string; limit?: string; value?: string; used?: string; remaining?: string }]
      : [];
  });
  return (
    <Table
      label="Limits"
      rows={rows}
      keyOf={({ name }) => name}
      empty="The account has no limits."
      columns={[
        { name: 'Limit', of: ({ name }) => name },
        { name: 'Value', of: ({ limit, value }) => limit ?? value, isNumber: true },
        { name: 'Used', of: ({ used }) => used, isNumber: true },
        { name: 'Remaining', of: ({ remaining }) => remaining, isNumber: true },
      ]}
    />
  );
}

const Holds = ({ list }: { list: HoldList }) => (
  <Table
    label="Holds of this account"
    rows={list.items}
    keyOf={({ holdId }) => holdId}
    empty="The account has no holds."
    columns={[
      { name: 'Hold', of: ({ holdId }) => <a href={linkTo('holds', holdId)}>{holdId}</a> },
      { name: 'Status', of: ({ status }) => <Badge tone={status === 'OPEN' ? 'warning' : 'neutral'}>{status}</Badge> },
      { name: 'Remaining', of: ({ remaining, currency }) => `${remaining} ${currency}`, isNumber: true },
      { name: 'Expires', of: ({ expiresAt }) => when(expiresAt) },
    ]}
  />
);

function Postings({ path }: { path: string }) {
  const [cursor, setCursor] = useState<string | null>(null);
  const more = cursor === null ? '' : `&cursor=${part(cursor)}`;
  const list = useLoaded<PostingList>(`${path}/postings?order=desc&limit=50${more}`);
  return (
    <Card title="History">
      <Pages of={list} cursor={cursor} setCursor={setCursor}>
        {({ items }) => (
          <Table
            label="Postings with the balance after each"
            rows={items}
            keyOf={(item) => String(item.version)}
            empty="Nothing has been posted."
            columns={[
              { name: 'When', of: (item) => when(item.acceptedAt) },
              { name: 'Kind', of: (item) => item.kind },
              {
                name: 'Transfer or hold',
                of: (item) => <Subject item={item as { transactionId?: string; holdId?: string }} />,
              },
              {
                name: 'Counterparty',
                of: (item) =>
                  'counterparty' in item ? (
                    <a href={linkTo('accounts', item.counterparty)}>{item.counterparty}</a>
                  ) : null,
              },
              { name: 'Amount', of: (item) => ('amount' in item ? item.amount : null), isNumber: true },
              { name: 'Balance after', of: (item) => item.balanceAfter, isNumber: true },
              { name: 'Version', of: (item) => item.version, isNumber: true },
            ]}
          />
        )}
      </Pages>
    </Card>
  );
}

function Subject({ item: { transactionId, holdId } }: { item: { transactionId?: string; holdId?: string } }) {
  if (transactionId) return <a href={linkTo('transfers', transactionId)}>{transactionId}</a>;
  return holdId ? <a href={linkTo('holds', holdId)}>{holdId}</a> : <>–</>;
}
