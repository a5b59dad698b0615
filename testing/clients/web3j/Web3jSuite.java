// web3j 4 as its users have it, with its default prices and gas limits. Started by ../run.mjs.

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.web3j.abi.EventEncoder;
import org.web3j.abi.FunctionEncoder;
import org.web3j.abi.TypeReference;
import org.web3j.abi.datatypes.Address;
import org.web3j.abi.datatypes.Event;
import org.web3j.abi.datatypes.Function;
import org.web3j.abi.datatypes.Utf8String;
import org.web3j.abi.datatypes.generated.Uint256;
import org.web3j.crypto.Credentials;
import org.web3j.crypto.Keys;
import org.web3j.crypto.RawTransaction;
import org.web3j.crypto.TransactionEncoder;
import org.web3j.protocol.Web3j;
import org.web3j.protocol.core.BatchRequest;
import org.web3j.protocol.core.DefaultBlockParameter;
import org.web3j.protocol.core.DefaultBlockParameterName;
import org.web3j.protocol.core.methods.request.EthFilter;
import org.web3j.protocol.core.methods.request.Transaction;
import org.web3j.protocol.core.methods.response.EthCall;
import org.web3j.protocol.core.methods.response.EthSendTransaction;
import org.web3j.protocol.core.methods.response.TransactionReceipt;
import org.web3j.protocol.http.HttpService;
import org.web3j.protocol.websocket.WebSocketService;
import org.web3j.tx.RawTransactionManager;
import org.web3j.tx.gas.DefaultGasProvider;
import org.web3j.tx.response.PollingTransactionReceiptProcessor;
import org.web3j.utils.Numeric;

public class Web3jSuite {
    static final int CONCURRENT = 50;
    static final int BATCH = 1000;
    static final int CONFIRMATIONS = 5;
    static final BigInteger GAS = BigInteger.valueOf(300_000);
    static final long POLL_MS = 100;
    static final int POLLS_MAX = 600;

    interface Step {
        void run() throws Exception;
    }

    final Map<String, String> given = System.getenv();
    final String url = given.get("HEQI_RPC");
    final BigInteger price = new BigInteger(given.get("HEQI_GAS_PRICE"));
    final Web3j web3j = Web3j.build(new HttpService(url));
    final Credentials me = Credentials.create(given.get("HEQI_KEY"));
    final List<String> failures = new ArrayList<>();
    final long start = System.currentTimeMillis();
    long chainId;
    String contract;
    String current = "";
    int passed;

    public static void main(String[] arguments) throws Exception {
        new Web3jSuite().all();
        System.exit(0);
    }

    void all() throws Exception {
        step("identity", this::identity);
        step("deploy", this::deploy);
        if (contract != null) {
            step("write, read and 5 confirmations", this::writes);
            step("events", this::events);
            step("subscriptions", this::subscriptions);
            step("failures", this::failed);
            step(CONCURRENT + " concurrent nonces", this::concurrent);
            step("batch of " + BATCH, this::batch);
        }
        step("negative cases", this::negative);
        long millis = System.currentTimeMillis() - start;
        Map<String, Object> result = Map.of("passed", passed, "failures", failures, "millis", millis);
        System.out.println("\n@result " + new ObjectMapper().writeValueAsString(result));
    }

    void step(String name, Step body) {
        current = name;
        try {
            body.run();
        } catch (Exception error) {
            failures.add(current + ": stopped: " + error);
        }
    }

    void ok(boolean condition, String text) {
        if (condition) passed += 1;
        else failures.add(current + ": " + text);
    }

    void equal(Object actual, Object expected, String text) {
        ok(expected.equals(actual), text + ": expected " + expected + ", got " + actual);
    }

    void identity() throws Exception {
        chainId = web3j.ethChainId().send().getChainId().longValueExact();
        equal(web3j.netVersion().send().getNetVersion(), Long.toString(chainId), "network id");
        ok(!web3j.web3ClientVersion().send().getWeb3ClientVersion().isEmpty(), "the client's version");
        BigInteger balance = web3j.ethGetBalance(me.getAddress(), DefaultBlockParameterName.LATEST).send().getBalance();
        if (price.signum() > 0) ok(balance.signum() > 0, "the account is funded");
        else equal(balance, BigInteger.ZERO, "the account holds nothing");
        equal(web3j.ethGasPrice().send().getGasPrice(), price, "the gas price");
        equal(web3j.ethSyncing().send().isSyncing(), false, "in step with the network");
    }

    TransactionReceipt receipt(EthSendTransaction sent) throws Exception {
        if (sent.hasError()) throw new IllegalStateException(sent.getError().getMessage());
        return new PollingTransactionReceiptProcessor(web3j, POLL_MS, POLLS_MAX)
            .waitForTransactionReceipt(sent.getTransactionHash());
    }

    /** With web3j's own defaults: 4.1 gwei and 9,000,000 gas, from an account that may hold nothing. */
    EthSendTransaction send(String to, String data) throws Exception {
        return new RawTransactionManager(web3j, me, chainId)
            .sendTransaction(DefaultGasProvider.GAS_PRICE, DefaultGasProvider.GAS_LIMIT, to, data, BigInteger.ZERO, to == null);
    }

    static String set(long value, String note) {
        return FunctionEncoder.encode(new Function("set", List.of(new Uint256(value), new Utf8String(note)), List.of()));
    }

    EthCall call(String data) throws Exception {
        Transaction call = Transaction.createEthCallTransaction(me.getAddress(), contract, data);
        return web3j.ethCall(call, DefaultBlockParameterName.LATEST).send();
    }

    BigInteger value() throws Exception {
        return Numeric.toBigInt(call(FunctionEncoder.encode(new Function("value", List.of(), List.of()))).getValue());
    }

    BigInteger nonce(String address) throws Exception {
        return web3j.ethGetTransactionCount(address, DefaultBlockParameterName.LATEST).send().getTransactionCount();
    }

    void deploy() throws Exception {
        String code = new ObjectMapper().readTree(new File(given.get("HEQI_PROBE"))).get("bytecode").asText();
        TransactionReceipt receipt = receipt(send(null, code + FunctionEncoder.encodeConstructor(List.of(new Uint256(7)))));
        ok(receipt.isStatusOK(), "the deployment succeeded");
        contract = receipt.getContractAddress();
        equal(value(), BigInteger.valueOf(7), "the constructor ran");
    }

    void writes() throws Exception {
        for (long round = 1; round <= 5; round++) {
            BigInteger before = nonce(me.getAddress());
            TransactionReceipt receipt = receipt(send(contract, set(round, "write")));
            ok(receipt.isStatusOK(), "status of write " + round);
            equal(value(), BigInteger.valueOf(round), "the value right after the receipt");
            equal(nonce(me.getAddress()), before.add(BigInteger.ONE), "the nonce right after the receipt");
            BigInteger paid = Numeric.decodeQuantity(receipt.getEffectiveGasPrice());
            equal(paid, price.signum() > 0 ? DefaultGasProvider.GAS_PRICE : BigInteger.ZERO, "what was charged");
        }
        BigInteger last = receipt(send(contract, set(55, "five"))).getBlockNumber().add(BigInteger.valueOf(CONFIRMATIONS - 1));
        BigInteger head = BigInteger.ZERO;
        for (int poll = 0; poll < POLLS_MAX && head.compareTo(last) < 0; poll++) {
            Thread.sleep(POLL_MS);
            head = web3j.ethBlockNumber().send().getBlockNumber();
        }
        ok(head.compareTo(last) >= 0, "5 confirmations on an idle chain");
    }

    static final Event VALUE_SET = new Event("ValueSet", List.of(
        new TypeReference<Address>(true) {}, new TypeReference<Uint256>(true) {}, new TypeReference<Utf8String>() {}));

    void events() throws Exception {
        EthFilter all = new EthFilter(DefaultBlockParameterName.LATEST, DefaultBlockParameterName.LATEST, contract);
        BigInteger filter = web3j.ethNewFilter(all).send().getFilterId();
        BigInteger first = receipt(send(contract, set(81, "first"))).getBlockNumber();
        BigInteger second = receipt(send(contract, set(82, "second"))).getBlockNumber();
        equal(web3j.ethGetFilterChanges(filter).send().getLogs().size(), 2, "changes of a filter");
        ok(web3j.ethUninstallFilter(filter).send().isUninstalled(), "the filter is removed");
        EthFilter range = new EthFilter(DefaultBlockParameter.valueOf(first), DefaultBlockParameter.valueOf(second), contract);
        range.addSingleTopic(EventEncoder.encode(VALUE_SET));
        equal(web3j.ethGetLogs(range).send().getLogs().size(), 2, "events by range and topic");
        equal(web3j.ethGetFilterChanges(filter).send().getError().getCode(), -32000, "a removed filter");
    }

    void subscriptions() throws Exception {
        WebSocketService service = new WebSocketService(url.replaceFirst("http", "ws"), true);
        service.connect();
        Web3j socket = Web3j.build(service);
        CountDownLatch heads = new CountDownLatch(1);
        CountDownLatch logs = new CountDownLatch(1);
        var head = socket.newHeadsNotifications().subscribe(one -> heads.countDown());
        var log = socket.logsNotifications(List.of(contract), List.of()).subscribe(one -> logs.countDown());
        Thread.sleep(500);
        receipt(send(contract, set(83, "subscribed")));
        ok(heads.await(30, TimeUnit.SECONDS), "new heads arrive");
        ok(logs.await(30, TimeUnit.SECONDS), "logs arrive");
        head.dispose();
        log.dispose();
        service.close();
    }

    void failed() throws Exception {
        EthCall custom = call(set(2_000_000, ""));
        ok(custom.isReverted(), "custom error");
        ok(String.valueOf(custom.getError().getData()).contains("0x677fd0e3"), "data of the custom error");
        EthCall text = call(FunctionEncoder.encode(new Function("requireString", List.of(), List.of())));
        equal(text.getRevertReason(), "execution reverted: the value is not zero", "require text");
        EthCall panic = call(FunctionEncoder.encode(new Function("divide", List.of(new Uint256(0)), List.of())));
        ok(String.valueOf(panic.getError().getData()).contains("0x4e487b71"), "panic");
        equal(receipt(send(contract, set(2_000_000, ""))).isStatusOK(), false, "a reverted transaction has status 0");
    }

    EthSendTransaction signed(Credentials by, long chain, RawTransaction raw) throws Exception {
        return web3j.ethSendRawTransaction(Numeric.toHexString(TransactionEncoder.signMessage(raw, chain, by))).send();
    }

    void concurrent() throws Exception {
        BigInteger first = nonce(me.getAddress());
        List<CompletableFuture<EthSendTransaction>> sent = IntStream.range(0, CONCURRENT).mapToObj(index -> {
            int offset = CONCURRENT - 1 - index;
            RawTransaction raw = RawTransaction.createTransaction(
                first.add(BigInteger.valueOf(offset)), price, GAS, contract, set(100 + offset, "concurrent"));
            byte[] bytes = TransactionEncoder.signMessage(raw, chainId, me);
            return web3j.ethSendRawTransaction(Numeric.toHexString(bytes)).sendAsync();
        }).toList();
        int succeeded = 0;
        for (CompletableFuture<EthSendTransaction> one : sent) succeeded += receipt(one.get()).isStatusOK() ? 1 : 0;
        equal(succeeded, CONCURRENT, "all succeeded");
        equal(nonce(me.getAddress()), first.add(BigInteger.valueOf(CONCURRENT)), "nonce");
        equal(value(), BigInteger.valueOf(100 + CONCURRENT - 1), "the last nonce wrote last");
    }

    void batch() throws Exception {
        BatchRequest requests = web3j.newBatch();
        for (int index = 0; index < BATCH; index++) {
            requests.add(web3j.ethGetTransactionCount(contract, DefaultBlockParameterName.LATEST));
        }
        var answers = requests.send().getResponses();
        equal(answers.size(), BATCH, "answers");
        ok(answers.stream().allMatch(answer -> "0x1".equals(answer.getResult())), "all equal");
    }

    void negative() throws Exception {
        Credentials fresh = Credentials.create(given.get("HEQI_FRESH_KEY"));
        RawTransaction first = RawTransaction.createTransaction(
            BigInteger.ZERO, price, GAS, fresh.getAddress(), BigInteger.ZERO, "");
        ok(receipt(signed(fresh, chainId, first)).isStatusOK(), "a plain transfer");
        RawTransaction again = RawTransaction.createTransaction(
            BigInteger.ZERO, price, GAS.add(BigInteger.ONE), fresh.getAddress(), BigInteger.ZERO, "");
        ok(signed(fresh, chainId, again).getError().getMessage().contains("nonce too low"), "a used nonce");
        RawTransaction next = RawTransaction.createTransaction(
            BigInteger.ONE, price, GAS, fresh.getAddress(), BigInteger.ZERO, "");
        ok(signed(fresh, chainId + 1, next).getError().getMessage().contains("chain id"), "another chain's");
        RawTransaction value = RawTransaction.createTransaction(
            BigInteger.ZERO, price, GAS, fresh.getAddress(), BigInteger.ONE, "");
        Credentials poor = Credentials.create(Keys.createEcKeyPair());
        ok(signed(poor, chainId, value).getError().getMessage().contains("insufficient funds"), "no such funds");
        ok(web3j.ethSendRawTransaction("0x02c0").send().hasError(), "a malformed transaction");
    }
}
