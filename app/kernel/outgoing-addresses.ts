import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = readonly [Address, number];

/**
 * Addresses that are public by their range, but lead to the provider's own services on some machines: Azure's wire
 * server.
 */
const NOT_PUBLIC = ['168.63.129.16/32'];
/**
 * The range from which all global unicast addresses of IPv6 have been assigned so far. `ipaddr.js` treats every address
 * outside its special ranges as unicast.
 */
const GLOBAL_IPV6: Range = ipaddr.parseCIDR('2000::/3');
const HREF_LENGTH_MAX = 2048;

export interface OutgoingRules {
  /** Ranges that may be used even though they are not public, in CIDR notation. */
  readonly allowed: readonly string[];
  /** Ranges that must not be used even though they are public. They take precedence. */
  readonly denied: readonly string[];
  /** Whether unencrypted requests may be sent. */
  readonly http: boolean;
}

export const areRanges = (text: string): boolean => text.split(/[\s,]+/).every((one) => ipaddr.isValidCIDR(one));
export const rangesIn = (text: string | null): string[] => text?.split(/[\s,]+/) ?? [];

/** Where this process may send requests if others have chosen the address. */
export class OutgoingAddresses {
  readonly #allowed: readonly Range[];
  readonly #denied: readonly Range[];
  readonly #protocols: readonly string[];

  constructor({ allowed, denied, http }: OutgoingRules) {
    this.#allowed = allowed.map((range) => ipaddr.parseCIDR(range));
    this.#denied = [...denied, ...NOT_PUBLIC].map((range) => ipaddr.parseCIDR(range));
    this.#protocols = http ? ['https:', 'http:'] : ['https:'];
  }

  /** @param text an IP address, as returned by a resolver or contained in a URL */
  allows(text: string): boolean {
    const bare = text.startsWith('[') ? text.slice(1, -1) : text;
    if (isIP(bare) === 0) return false;
    const address = ipaddr.parse(bare);
    // A connection to an IPv4-mapped address is a connection to the IPv4 address.
    const isMapped = address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress();
    const target = isMapped ? (address as ipaddr.IPv6).toIPv4Address() : address;
    if (isIn(target, this.#denied)) return false;
    if (isIn(target, this.#allowed)) return true;
    if (isMapped || target.range() !== 'unicast') return false;
    return target.kind() === 'ipv4' || isIn(target, [GLOBAL_IPV6]);
  }

  /**
   * Why no request may be sent to a URL; null if requests may be sent, provided that its host name resolves to allowed
   * addresses.
   */
  faultOf(href: string): string | null {
    const url = URL.canParse(href) ? new URL(href) : null;
    if (!url || !this.#protocols.includes(url.protocol) || url.hostname === '')
      return `must be a URL that begins with ${this.#protocols.map((protocol) => `${protocol}//`).join(' or ')}`;
    if (url.href.length > HREF_LENGTH_MAX) return `must have at most ${HREF_LENGTH_MAX} characters`;
    if (url.username !== '' || url.password !== '') return 'must not contain a user name or a password';
    if (url.hash !== '') return 'must not have a fragment';
    if (isAddress(url.hostname) && !this.allows(url.hostname))
      return 'must not lead to an address of a private network';
    return null;
  }
}

/** Whether a host is an IP address, which is never looked up. The host of a `URL` is in canonical form. */
export const isAddress = (host: string): boolean => host.startsWith('[') || isIP(host) === 4;

function isIn(address: Address, ranges: readonly Range[]): boolean {
  return ranges.some(([range, bits]) => {
    if (address instanceof ipaddr.IPv4) return range instanceof ipaddr.IPv4 && address.match(range, bits);
    return range instanceof ipaddr.IPv6 && address.match(range, bits);
  });
}
