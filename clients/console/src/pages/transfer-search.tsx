import { useState } from 'preact/hooks';
import { timestampOf } from '../query.ts';
import type { TransferList, TransferRecord } from '../schemas.ts';
import { ANY, chosen, nothingOn, SearchForm, SearchResults, useSearch } from '../search.tsx';
import { linkTo, useSession } from '../state.ts';
import { Badge, Card, Choice, Empty, Field, Table, when } from '../ui.tsx';

const STATUSES = ['POSTED', 'REJECTED', 'PENDING'] as const;
const KINDS = ['transfer', 'reversal', 'capture'] as const;
const [NEWEST, OLDEST] = ['newest first', 'oldest first'];
/** The fields that are needed less often. */
const RARE = {
  ...{ counterparty: '', kind: ANY, metadataKey: '', metadataValue: '', currency: '', minAmount: '', maxAmount: '' },
  order: NEWEST,
};
const NONE = { account: '', reference: '', status: ANY, from: '', to: '', ...RARE };
type TransferFields = typeof NONE;

const parametersOf = ({ status, kind, from, to, order, ...same }: TransferFields) => ({
  ...same,
  status: chosen(status),
  kind: chosen(kind),
  from: timestampOf(from),
  to: timestampOf(to),
  order: order === OLDEST ? 'asc' : 'desc',
});

export function TransferSearch() {
  const { accountPrefixes } = useSession().caller;
  const search = useSearch<TransferFields, TransferList>({
    path: '/v1/transfers',
    none: NONE,
    parametersOf,
    isAllowed: ({ account }) => accountPrefixes === null || account.trim() !== '',
  });
  return (
    <Card title="Search">
      <SearchForm label="Search for transfers" search={search}>
        <Filters fields={search.fields} set={search.set} />
      </SearchForm>
      {search.isAllowed ? (
        <SearchResults search={search}>{(page) => <Found page={page} />}</SearchResults>
      ) : (
        <Empty>Enter an account to search: your key may use only some accounts.</Empty>
      )}
    </Card>
  );
}

function Filters({ fields, set }: { fields: TransferFields; set: (fields: TransferFields) => void }) {
  const text = (name: keyof TransferFields, label: string, hint?: string) => (
    <Field
      label={label}
      value={fields[name]}
      set={(value) => set({ ...fields, [name]: value })}
      {...(hint !== undefined && { hint })}
    />
  );
  const choice = (name: keyof TransferFields, label: string, options: readonly string[]) => (
    <Choice label={label} value={fields[name]} set={(value) => set({ ...fields, [name]: value })} options={options} />
  );
  // Open at first if one of these filters is in use; after that, the operator opens and closes it.
  const [hasRare] = useState(() =>
    Object.entries(RARE).some(([name, none]) => fields[name as keyof typeof RARE] !== none),
  );
  return (
    <>
      <div class="row top-aligned">
        {text('account', 'Account', 'Transfers from or to this account.')}
        {text('reference', 'Reference', 'Has to match exactly.')}
        {choice('status', 'Status', [ANY, ...STATUSES])}
        {text('from', 'Accepted from', 'UTC, such as 2026-01-31 or 2026-01-31 12:00.')}
        {text('to', 'Accepted before', 'UTC, such as 2026-01-31 or 2026-01-31 12:00.')}
      </div>
      <details open={hasRare}>
        <summary>More filters</summary>
        <div class="row top-aligned">
          {text('counterparty', 'Counterparty', 'Only transfers between this account and the one above.')}
          {choice('kind', 'Kind', [ANY, ...KINDS])}
          {choice('order', 'Order', [NEWEST, OLDEST])}
          {text('metadataKey', 'Metadata key')}
          {text('metadataValue', 'Metadata value', 'Has to match exactly.')}
          {text('currency', 'Currency', 'Such as EUR.')}
          {text('minAmount', 'Amount from', 'Requires a currency.')}
          {text('maxAmount', 'Amount up to', 'Requires a currency.')}
        </div>
      </details>
    </>
  );
}

const Account = ({ id }: { id: string }) => <a href={linkTo('accounts', id)}>{id}</a>;

const Found = ({ page }: { page: TransferList }) => (
  <Table
    label="Transfers found"
    rows={page.items}
    keyOf={({ transactionId }) => transactionId}
    empty={nothingOn(page)}
    columns={[
      { name: 'Accepted', of: ({ acceptedAt }) => when(acceptedAt) },
      {
        name: 'Transfer',
        of: ({ transactionId }) => <a href={linkTo('transfers', transactionId)}>{transactionId}</a>,
      },
      { name: 'Status', of: (transfer) => <TransferStatus of={transfer} /> },
      { name: 'Kind', of: ({ kind }) => kind },
      { name: 'From', of: ({ sourceAccount }) => <Account id={sourceAccount} /> },
      { name: 'To', of: ({ destinationAccount }) => <Account id={destinationAccount} /> },
      { name: 'Amount', of: ({ amount, currency }) => `${amount} ${currency}`, isNumber: true },
      { name: 'Reference', of: ({ reference }) => reference },
    ]}
  />
);

export const TransferStatus = ({ of: { status } }: { of: Pick<TransferRecord, 'status'> }) => (
  <Badge tone={status === 'POSTED' ? 'good' : status === 'PENDING' ? 'warning' : 'bad'}>{status}</Badge>
);
