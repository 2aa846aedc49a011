import { balanceHistory } from '../balances.ts';
import { Chart } from '../chart.tsx';
import type { PostingList } from '../schemas.ts';
import { useLoaded } from '../state.ts';
import { Card, Empty, Facts, Shown, when } from '../ui.tsx';

const EVERY_MS = 30_000;
const POSTINGS_MAX = 200;

/** @param path of the account */
export function BalanceOverTime({ path, currency }: { path: string; currency: string }) {
  // Events of holds do not change the balance.
  const list = useLoaded<PostingList>(`${path}/postings?order=desc&holds=false&limit=${POSTINGS_MAX}`, EVERY_MS);
  return (
    <Card title="Balance over time">
      <Shown of={list}>{(page) => <History items={page.items} currency={currency} />}</Shown>
    </Card>
  );
}

function History({ items, currency }: { items: PostingList['items']; currency: string }) {
  const history = balanceHistory(items);
  if (!history) return <Empty>Nothing has been posted, so there is no balance to draw.</Empty>;
  const { seconds, heights, oldest, latest, lowest, highest } = history;
  const money = (amount: string) => `${amount} ${currency}`;
  const [low, high] = [money(lowest.balanceAfter), money(highest.balanceAfter)];
  const what = items.length === 1 ? 'the only posting' : `each of the latest ${items.length} postings`;
  return (
    <>
      <Chart
        label={`Balance after ${what}: from ${money(oldest.balanceAfter)} to ${money(latest.balanceAfter)}, lowest ${low}, highest ${high}. The table under History has the numbers.`}
        seconds={seconds}
        series={[{ label: `Balance after ${what}, by the time of acceptance (UTC)`, values: heights }]}
        shape="steps"
      />
      <Facts
        facts={[
          ['Highest', high],
          ['Highest at', when(highest.acceptedAt)],
          ['Lowest', low],
          ['Lowest at', when(lowest.acceptedAt)],
          ['First posting shown', when(oldest.acceptedAt)],
          ['Latest posting', when(latest.acceptedAt)],
        ]}
      />
    </>
  );
}
