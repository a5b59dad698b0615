import { network } from "hardhat";

const { ethers } = await network.create();

const counter = await ethers.deployContract("Counter", [7n]);
await counter.waitForDeployment();
const receipt = await (await counter.increment()).wait();

console.log(`Counter is at ${await counter.getAddress()}, block ${receipt?.blockNumber}`);
console.log(`number is ${await counter.number()}`);
