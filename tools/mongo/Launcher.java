import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.h2.mvstore.MVStore;

/**
 * The MongoDB stand-in of the native start: `java -cp 'lib/*' Launcher.java PORT FILE`.
 *
 * <p>Real MongoDB runs in Compose, Kubernetes and the CI; this one needs no package that Debian lacks.
 */
public final class Launcher {
  /** The Rust driver refuses a server below wire version 8; 13 is what MongoDB 5.0 says. */
  private static final class Version implements MongoVersion {
    @Override
    public List<Integer> getVersionArray() {
      return List.of(5, 0, 0);
    }

    @Override
    public int getWireVersion() {
      return 13;
    }
  }

  /**
   * Commits after each command that writes. The store alone commits once a second, and a kill
   * would lose what a client was already told is written (`w: majority, j: true`).
   */
  private static final class DurableBackend extends H2Backend {
    private static final Set<String> WRITES =
        Set.of(
            "insert", "update", "delete", "findandmodify", "create", "drop", "createindexes",
            "dropindexes", "deleteindexes", "dropdatabase", "renamecollection");

    DurableBackend(MVStore store) {
      super(store);
    }

    @Override
    public Document handleMessage(MongoMessage message) {
      Document answer = super.handleMessage(message);
      String command = message.getDocument().keySet().iterator().next();
      // An aggregation writes when it ends in $out or $merge.
      if (WRITES.contains(command.toLowerCase()) || command.equalsIgnoreCase("aggregate")) {
        commit();
      }
      return answer;
    }
  }

  public static void main(String[] args) throws InterruptedException {
    int port = Integer.parseInt(args[0]);
    MVStore store = MVStore.open(args[1]);
    DurableBackend backend = new DurableBackend(store);
    // Old chunks are kept 45 s by default, and the file grows by every commit of that time.
    backend.getMvStore().setRetentionTime(500);
    backend.version(new Version());
    MongoServer server = new MongoServer(backend);
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    server.bind("127.0.0.1", port);
    System.out.println("listening on 127.0.0.1:" + port);
    new CountDownLatch(1).await();
  }
}
