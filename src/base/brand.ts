/** Brands for strings that must not be mixed. Made only by the parse functions of the file that owns the noun. */
declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
