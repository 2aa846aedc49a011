import { flag, text } from '../../../../app/config/command-line.mjs';
import type { FeedEvent } from '../../../typescript/src/types.ts';
import { command, given } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { type Output, printable } from '../output.ts';

const PAGE = 100;

export const EVENT_COMMANDS = [
  command('events', {
    about: 'Prints what was committed, in order. With --follow, also prints new events as they are committed.',
    options: {
      follow: flag('wait for more events, until Ctrl-C'),
      account: text('IDS', 'only events of these accounts, separated by commas'),
      type: text('NAMES', 'only events of these types, separated by commas'),
      after: text('CURSOR', 'a cursor, oldest or latest; by default latest with --follow, else oldest'),
    },
    async run({ values, holdfast, output, signal }) {
      const { account, type, after } = values;
      const filters = given({ accounts: account?.split(','), types: type?.split(','), after });
      const { events } = holdfast();
      if (values.follow) {
        const onReconnect = (error: Error | null) =>
          output.note(`Reconnecting (${error?.message ?? 'the service ended the stream'}) …`);
        for await (const { event, cursor } of events.follow(filters, { signal, onReconnect }))
          print(event, output, cursor);
        return EXIT.done;
      }
      let from = after;
      for (;;) {
        const page = await events.page({ ...filters, ...given({ after: from }), limit: PAGE }, { signal });
        for (const event of page.items) print(event, output);
        if (page.caughtUp) return EXIT.done;
        from = page.nextCursor;
      }
    },
  }),
];

function print(event: FeedEvent, output: Output, cursor?: string): void {
  output.result(cursor === undefined ? event : { ...event, cursor }, () => `${printable(lineOf(event))}\n`);
}

function lineOf({ time, type, subject, data }: FeedEvent): string {
  const money = 'amount' in data ? `  ${data.amount} ${data.currency}` : '';
  const way = 'sourceAccount' in data ? `  ${data.sourceAccount} → ${data.destinationAccount}` : '';
  return `${time}  ${type}  ${subject}${money}${way}`;
}
