export class Dcm2niix {
  worker: Worker | null;
  init(): Promise<true>;
  input(files: File[]): Processor;
}
export interface Processor {
  f(value: string): Processor;
  x(value: string): Processor;
  b(value: string): Processor;
  ba(value: string): Processor;
  z(value: string): Processor;
  run(): Promise<File[]>;
}
