// A member of a room, in Java: `java Chat.java HOST PORT ROOM NICK`. What it does is in README.md.
//
// Java has no JSON of its own. This needs little: it writes texts, and finds a few fields, which in what a hub says stand
// between quotation marks, without blanks, and before anything that a person said.

import java.io.*;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.regex.*;

public class Chat {
    static final String TEXT = "(\"[^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+\")";
    static final Pattern MESSAGE =
        Pattern.compile("\\{\"on\":\"message\",\"number\":(\\d+),.*?,\"from\":\"(.*?)\",\"account\":\".*?\",\"text\":" + TEXT + ".*");
    static final Pattern COMPLAINT = Pattern.compile("\\{\"on\":\"(?:error|bye)\".*?,\"text\":" + TEXT + ".*");

    static Socket hub;
    static volatile int said, kept;

    static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\t", "\\t") + '"';
    }

    static synchronized void say(String command) throws IOException {
        hub.getOutputStream().write((command + "\n").getBytes(StandardCharsets.UTF_8));
    }

    static void speak(String room, String nick) {
        try (var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            say("{\"do\":\"hello\",\"nick\":" + quoted(nick) + ",\"client\":\"Chat.java\"}");
            say("{\"do\":\"join\",\"room\":" + quoted(room) + "}");
            for (String text; (text = lines.readLine()) != null; ) {
                say("{\"do\":\"say\",\"room\":" + quoted(room) + ",\"text\":" + quoted(text) + ",\"label\":\"" + ++said + "\"}");
            }
            hub.shutdownOutput(); // the hub tells what is still on its way, and then ends, too
        } catch (IOException lost) {
            System.err.println(lost.getMessage());
        }
    }

    public static void main(String[] args) throws IOException {
        hub = new Socket(args[0], Integer.parseInt(args[1]));
        var speaker = new Thread(() -> speak(args[2], args[3]));
        speaker.setDaemon(true);
        speaker.start();
        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        var lines = new BufferedReader(new InputStreamReader(hub.getInputStream(), StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null; ) {
            Matcher message = MESSAGE.matcher(line), complaint = COMPLAINT.matcher(line);
            if (message.matches()) {
                out.print(message.group(1) + " " + message.group(2) + " " + message.group(3) + "\n");
                if (line.substring(message.end(3)).contains("\"label\":")) kept++; // it is ours, and kept
            } else if (complaint.matches()) {
                System.err.println(complaint.group(1));
            } else if (line.startsWith("{\"on\":\"ping\"")) {
                say("{\"do\":\"pong\"}");
            }
        }
        System.exit(kept == said ? 0 : 1);
    }
}
