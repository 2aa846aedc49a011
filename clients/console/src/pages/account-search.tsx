import type { AccountList } from '../schemas.ts';
import { ANY, chosen, nothingOn, SearchForm, SearchResults, useSearch } from '../search.tsx';
import { linkTo } from '../state.ts';
import { Badge, Card, Choice, Field, Table, when } from '../ui.tsx';

export const ACCOUNT_STATUSES = ['ACTIVE', 'SUSPENDED', 'FROZEN', 'CLOSED'] as const;
const [FIRST, LAST] = ['by id, first to last', 'by id, last to first'];
const NONE = { prefix: '', currency: '', status: ANY, order: FIRST };

export function AccountSearch() {
  const search = useSearch<typeof NONE, AccountList>({
    path: '/v1/accounts',
    none: NONE,
    parametersOf: ({ status, order, ...same }) => ({
      ...same,
      status: chosen(status),
      order: order === LAST ? 'desc' : 'asc',
    }),
  });
  const { fields, set } = search;
  return (
    <Card title="Search">
      <SearchForm label="Search for accounts" search={search}>
        <div class="row">
          <Field label="Id begins with" value={fields.prefix} set={(prefix) => set({ ...fields, prefix })} />
          <Field label="Currency" value={fields.currency} set={(currency) => set({ ...fields, currency })} />
          <Choice
            label="Status"
            value={fields.status}
            set={(status) => set({ ...fields, status })}
            options={[ANY, ...ACCOUNT_STATUSES]}
          />
          <Choice
            label="Order"
            value={fields.order}
            set={(order) => set({ ...fields, order })}
            options={[FIRST, LAST]}
          />
        </div>
      </SearchForm>
      <SearchResults search={search}>{(page) => <Found page={page} />}</SearchResults>
    </Card>
  );
}

const Found = ({ page }: { page: AccountList }) => (
  <Table
    label="Accounts found"
    rows={page.items}
    keyOf={({ accountId }) => accountId}
    empty={nothingOn(page)}
    columns={[
      { name: 'Account', of: ({ accountId }) => <a href={linkTo('accounts', accountId)}>{accountId}</a> },
      { name: 'Name', of: ({ name }) => name },
      { name: 'Status', of: ({ status }) => <Badge tone={status === 'ACTIVE' ? 'good' : 'bad'}>{status}</Badge> },
      { name: 'Balance', of: ({ balance, currency }) => `${balance} ${currency}`, isNumber: true },
      { name: 'Held', of: ({ held }) => held, isNumber: true },
      {
        name: 'Overdraft limit',
        of: ({ external, overdraftLimit }) => (external ? 'external' : overdraftLimit),
        isNumber: true,
      },
      { name: 'Opened', of: ({ openedAt }) => when(openedAt) },
    ]}
  />
);
