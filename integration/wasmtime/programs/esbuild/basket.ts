export interface Product {
  name: string;
  price: number;
}

export class Basket {
  #items = new Map<string, number>();
  static readonly limit = 99;

  constructor(private readonly products: Product[]) {}

  add(name: string, amount = 1): this {
    const known = this.products.some((product) => product.name === name);
    if (!known) throw new RangeError(`no product is named ${name}`);
    this.#items.set(name, Math.min((this.#items.get(name) ?? 0) + amount, Basket.limit));
    return this;
  }

  get size(): number {
    return this.#items.size;
  }

  get total(): number {
    return this.products.reduce((sum, { name, price }) => sum + price * (this.#items.get(name) ?? 0), 0);
  }

  *[Symbol.iterator](): IterableIterator<[string, number]> {
    yield* this.#items.entries();
  }
}

export function unused(): never {
  throw new Error("a bundler leaves this out");
}
