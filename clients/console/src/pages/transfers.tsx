import { part } from '../api.ts';
import { Confirm } from '../confirm.tsx';
import type { TransferRecord } from '../schemas.ts';
import { linkTo, useCommand, useLoaded, useMay, useSession } from '../state.ts';
import { Card, Facts, Notice, OpenById, Page, Shown, when } from '../ui.tsx';
import { TransferSearch, TransferStatus } from './transfer-search.tsx';

const EVERY_MS = 3_000;

export function TransfersPage({ rest: [id] }: { rest: readonly string[] }) {
  const maySearch = useMay('balances:read');
  if (id !== undefined) return <TransferPage id={id} />;
  return (
    <Page title="Transfers" intro="Both sides of one transfer, and its reversal.">
      <Card title="Show a transfer">
        <OpenById label="Transaction id" open={(transfer) => location.assign(linkTo('transfers', transfer))} />
      </Card>
      {maySearch && <TransferSearch />}
    </Page>
  );
}

function TransferPage({ id }: { id: string }) {
  const loaded = useLoaded<TransferRecord>(`/v1/transfers/${part(id)}`, EVERY_MS);
  return (
    <Page title={`Transfer ${id}`}>
      <Shown of={loaded}>
        {(transfer) => (
          <>
            <Card title="Outcome">
              <Facts
                facts={[
                  ['Status', <TransferStatus key="status" of={transfer} />],
                  ...(transfer.refusal ? ([['Refused because', transfer.refusal]] as const) : []),
                  ['Amount', <strong key="amount">{`${transfer.amount} ${transfer.currency}`}</strong>],
                  ['Kind', transfer.kind],
                  ['Accepted', when(transfer.acceptedAt)],
                  ['In MySQL', transfer.persisted ? 'yes' : 'not yet'],
                  ['Reference', transfer.reference],
                  ['Metadata', transfer.metadata && <code key="metadata">{JSON.stringify(transfer.metadata)}</code>],
                  ['Reverses', transfer.reverses && <Transfer key="reverses" id={transfer.reverses} />],
                  ['Group', transfer.groupId],
                  ['Hold', transfer.holdId && <a href={linkTo('holds', transfer.holdId)}>{transfer.holdId}</a>],
                ]}
              />
            </Card>
            <div class="columns">
              <Side
                title="From"
                account={transfer.sourceAccount}
                balance={transfer.sourceBalance}
                version={transfer.sourceVersion}
              />
              <Side
                title="To"
                account={transfer.destinationAccount}
                balance={transfer.destinationBalance}
                version={transfer.destinationVersion}
              />
            </div>
            <Reversal transfer={transfer} />
          </>
        )}
      </Shown>
    </Page>
  );
}

const Transfer = ({ id }: { id: string }) => <a href={linkTo('transfers', id)}>{id}</a>;

interface SideProps {
  title: string;
  account: string;
  balance: string | undefined;
  version: number | undefined;
}

const Side = ({ title, account, balance, version }: SideProps) => (
  <Card title={title}>
    <Facts
      facts={[
        [
          'Account',
          <a key="account" href={linkTo('accounts', account)}>
            {account}
          </a>,
        ],
        ['Balance after', balance],
        ['Version of the account', version],
      ]}
    />
  </Card>
);

function Reversal({ transfer }: { transfer: TransferRecord }) {
  const { api } = useSession();
  const mayReverse = useMay('transfers:write');
  const command = useCommand(
    () => api.post<TransferRecord>(`/v1/transfers/${part(transfer.transactionId)}/reversal`),
    ({ transactionId }) => location.assign(linkTo('transfers', transactionId)),
  );
  if (!mayReverse || transfer.status !== 'POSTED' || transfer.kind === 'reversal') return null;
  return (
    <Card title="Reversal">
      <Notice tone="neutral">
        <p>A reversal is a transfer in the other direction. A transfer can be reversed once.</p>
      </Notice>
      <Confirm
        action="Reverse"
        title={`Reverse transfer ${transfer.transactionId}`}
        tone="danger"
        typed="REVERSE"
        command={command}
      >
        <p>
          {transfer.amount} {transfer.currency} returns from {transfer.destinationAccount} to {transfer.sourceAccount}.
        </p>
      </Confirm>
    </Card>
  );
}
