// A member of a room, in Java: `java -cp /usr/share/java/gson.jar Chat.java HOST PORT ROOM NICK` (see README.md).

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.*;
import java.io.*;
import java.net.Socket;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.stream.Stream;

public class Chat {
    static final Gson JSON = new GsonBuilder().disableHtmlEscaping().create();
    static final PrintStream out = new PrintStream(System.out, true, UTF_8);
    static PrintStream hub;
    static volatile int said, kept;

    static void say(Map<String, String> command) {
        hub.print(JSON.toJson(command) + "\n");
    }

    static Stream<String> lines(InputStream in) {
        return new BufferedReader(new InputStreamReader(in, UTF_8)).lines();
    }

    static void hear(JsonObject told) {
        String on = told.get("on").getAsString();
        if (on.equals("message")) {
            out.print(told.get("number") + " " + told.get("from").getAsString() + " " + told.get("text") + "\n");
            if (told.has("label")) kept++; // it is ours, and kept
        } else if (on.equals("error") || on.equals("bye")) {
            System.err.println(told.get("text").getAsString());
        } else if (on.equals("ping")) {
            say(Map.of("do", "pong"));
        }
    }

    public static void main(String[] args) {
        String room = args[2], nick = args[3];
        try (var socket = new Socket(args[0], Integer.parseInt(args[1]))) {
            hub = new PrintStream(socket.getOutputStream(), true, UTF_8);
            say(Map.of("do", "hello", "nick", nick, "client", "Chat.java"));
            say(Map.of("do", "join", "room", room));
            Executors.newSingleThreadExecutor().submit(() -> {
                lines(System.in).forEach(
                    text -> say(Map.of("do", "say", "room", room, "text", text, "label", "" + ++said)));
                socket.shutdownOutput(); // the hub tells what is still on its way, and then ends, too
                return null;
            });
            lines(socket.getInputStream()).forEach(line -> hear(JsonParser.parseString(line).getAsJsonObject()));
            System.exit(kept == said ? 0 : 1);
        } catch (IOException | RuntimeException lost) {
            System.err.println("Chat: " + lost.getMessage());
            System.exit(1);
        }
    }
}
