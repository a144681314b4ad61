/** Seeded chance, and ids made from it: the same for the same seed. */
import { below, oneOf, randomOf, type Random } from "../../../../web/src/sync/testing";
import type { Id } from "../../../../web/src/sync/types";

export class Chance {
  private readonly random: Random;
  private n = 0;

  constructor(seed: number) {
    this.random = randomOf(seed);
  }

  any = <T>(from: readonly T[]): T => oneOf(this.random, from);
  below = (n: number): number => below(this.random, n);
  maybe = (share: number): boolean => this.random() < share;
  number = (): number => this.random();

  weighted<T>(shares: readonly (readonly [T, number])[]): T {
    let at = this.random() * shares.reduce((sum, [, share]) => sum + share, 0);
    return (shares.find(([, share]) => (at -= share) < 0) ?? shares[0]!)[0];
  }

  /** A UUIDv7. */
  id = (): Id => {
    const hex = (digits: number) =>
      Array.from({ length: digits }, () => below(this.random, 16).toString(16)).join("");
    const time = (0x019c_0000_0000 + ++this.n).toString(16).padStart(12, "0");
    const variant = oneOf(this.random, ["8", "9", "a", "b"]);
    return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-${variant}${hex(3)}-${hex(12)}`;
  };
}
