/** The part of jsfeat that is used. */
declare module "jsfeat" {
  interface Matrix {
    cols: number;
    rows: number;
    data: Uint8Array;
  }
  interface Found {
    x: number;
    y: number;
    width: number;
    height: number;
    /** How many windows agree. */
    neighbors: number;
    confidence: number;
  }
  const jsfeat: {
    U8_t: number;
    C1_t: number;
    matrix_t: new (cols: number, rows: number, type: number) => Matrix;
    bbf: {
      prepare_cascade(cascade: unknown): void;
      build_pyramid(from: Matrix, minWidth: number, minHeight: number, interval: number): unknown;
      detect(pyramid: unknown, cascade: unknown): Found[];
      group_rectangles(found: Found[], leastNeighbors: number): Found[];
    };
  };
  export default jsfeat;
}

declare module "virtual:face-cascade" {
  const cascade: unknown;
  export default cascade;
}
