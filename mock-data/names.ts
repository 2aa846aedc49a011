import type { Currency } from './money.ts';
import { trait } from './random.ts';

/** Names by currency; letters beyond ASCII are there on purpose, because real customers have them. */
const PEOPLE: Record<Currency, { first: readonly string[]; last: readonly string[]; familyFirst: boolean }> = {
  EUR: {
    first: ['Anna', 'Jonas', 'Zoë', 'Luca', 'María', 'Noah', 'Élise', 'Pádraig', 'Sofia', 'Mikko', 'Inês', 'Jürgen'],
    last: [
      'Müller',
      'Rossi',
      'García',
      'Lefèvre',
      'Jansen',
      'Virtanen',
      'Ó Briain',
      'Novak',
      'Silva',
      'Weiß',
      'Peeters',
    ],
    familyFirst: false,
  },
  CZK: {
    first: ['Jiří', 'Tereza', 'Ondřej', 'Kateřina', 'Marek', 'Zdeňka', 'Lukáš', 'Věra'],
    last: ['Novák', 'Dvořák', 'Svoboda', 'Černý', 'Procházka', 'Kučera', 'Růžička', 'Šimek'],
    familyFirst: false,
  },
  JPY: {
    first: ['健', '陽子', '翔', '美咲', '大輔', 'さくら', '蓮', '直美'],
    last: ['佐藤', '鈴木', '高橋', '田中', '渡辺', '伊藤', '山本', '中村'],
    familyFirst: true,
  },
};

const TRADES = [
  'Market',
  'Bakery',
  'Pharmacy',
  'Books',
  'Café',
  'Fuel',
  'Garden',
  'Shoes',
  'Cinema',
  'Online',
] as const;
const INDUSTRIES = ['Works', 'Logistics', 'Hospital', 'Software', 'Schools', 'Energy', 'Foods', 'Insurance'] as const;

export function personName(seed: number, currency: Currency, index: number): string {
  const people = PEOPLE[currency];
  const first = oneOf(people.first, trait(seed, index, 90));
  const last = oneOf(people.last, trait(seed, index, 91));
  return people.familyFirst ? `${last} ${first}` : `${first} ${last}`;
}

export function merchantName(seed: number, currency: Currency, index: number): string {
  return `${companyRoot(seed, currency, index, 92)} ${oneOf(TRADES, trait(seed, index, 93))}`;
}

export function employerName(seed: number, currency: Currency, index: number): string {
  return `${companyRoot(seed, currency, index, 94)} ${oneOf(INDUSTRIES, trait(seed, index, 95))}`;
}

export function landlordName(seed: number, currency: Currency, index: number): string {
  return `${companyRoot(seed, currency, index, 96)} Homes`;
}

function companyRoot(seed: number, currency: Currency, index: number, salt: number): string {
  return oneOf(PEOPLE[currency].last, trait(seed, index, salt));
}

function oneOf(list: readonly string[], u: number): string {
  return list[Math.floor(u * list.length)] ?? '';
}
