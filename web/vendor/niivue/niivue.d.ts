export * from "@niivue/niivue";
