package sparkgap;

import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/** The tests' half, which lives on: runs one set of tests after the other, each against a program of its own. */
public final class Examiner {
  /** The candidate is gone. */
  private static final class Gone extends Error {}

  /** A test failed, and no more are wanted. */
  private static final class Stop extends Error {}

  private static Values values;
  private static int passed, missed, instances;
  private static boolean all, gone;
  private static String call, answer, infra, forbidden, failure;
  private static Throwable thrown;

  public static void main(String[] given) throws Exception {
    values = new Values(new FileInputStream(FileDescriptor.in), new FileOutputStream(FileDescriptor.out));
    System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.err), true));
    while (true) {
      byte[] body;
      try {
        body = values.receive();
      } catch (Values.Ended ended) {
        return;
      }
      if (body[0] != 'T') continue; // a program that was gone after its tests were over
      passed = missed = instances = 0;
      gone = false;
      call = answer = "";
      infra = forbidden = failure = null;
      thrown = null;
      values.send('R', tried(body).getBytes(StandardCharsets.UTF_8));
    }
  }

  /** The tests' classes, as the compiler made them. */
  private static final class Loader extends ClassLoader {
    private final Map<String, byte[]> classes;

    Loader(Map<String, byte[]> classes) {
      super(Examiner.class.getClassLoader());
      this.classes = classes;
      setDefaultAssertionStatus(true);
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
      byte[] code = classes.get(name);
      if (code == null) throw new ClassNotFoundException(name);
      return defineClass(name, code, 0, code.length);
    }
  }

  private static String tried(byte[] body) throws IOException {
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(body, 1, body.length - 1));
    all = in.readBoolean();
    String main = in.readUTF();
    Map<String, byte[]> classes = new HashMap<>();
    for (int left = in.readInt(); left > 0; left--) {
      String name = in.readUTF();
      byte[] code = new byte[in.readInt()];
      in.readFully(code);
      classes.put(name, code);
    }
    try {
      Method method = new Loader(classes).loadClass(main).getDeclaredMethod("main", String[].class);
      method.setAccessible(true);
      method.invoke(null, (Object) new String[0]);
    } catch (InvocationTargetException ended) {
      return ended(ended.getCause());
    } catch (ReflectiveOperationException fault) {
      return report("infra", "the tests have no main: " + fault, "");
    }
    if (gone) return report("gone", "", "");
    String total = ",\"total\":" + (passed + missed);
    return missed > 0 ? report("wrong", "a test failed", total + failure) : report("passed", "", passed > 0 ? total : "");
  }

  private static String ended(Throwable fault) {
    if (gone) return report("gone", "", "");
    if (infra != null) return report("infra", infra, "");
    if (forbidden != null) return report("forbidden", forbidden, "");
    String text = fault.getClass().getName() + (fault.getMessage() == null ? "" : ": " + fault.getMessage());
    if (failure == null) note(text, "");
    if (fault == thrown) return report("raised", text, failure);
    return report("wrong", "a test failed", failure);
  }

  private static String report(String status, String reason, String more) {
    String stage = status.equals("passed") ? "done" : "test";
    return "{\"status\":\"" + status + "\",\"stage\":\"" + stage + "\",\"reason\":" + json(reason)
        + ",\"passed\":" + passed + more + "}";
  }

  static String json(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : (text.length() > 600 ? text.substring(0, 600) : text).toCharArray()) {
      if (c == '"' || c == '\\') out.append('\\').append(c);
      else if (c >= ' ' && c <= '~') out.append(c);
      else out.append(String.format("\\u%04x", (int) c));
    }
    return out.append('"').toString();
  }

  private static void note(String test, String expected) {
    failure = ",\"failure\":{\"test\":" + json(test) + ",\"call\":" + json(call) + ",\"expected\":" + json(expected)
        + ",\"actual\":" + json(answer) + "}";
  }

  /** What an assert of the tests becomes. */
  public static void check(boolean held, String test) {
    if (held) {
      passed++;
      return;
    }
    if (missed++ == 0) note(test, "");
    if (!all) throw new Stop();
  }

  /** The number of a new object that stands for one of the program's. */
  public static int instance() {
    return ++instances;
  }

  /** One call across. */
  @SuppressWarnings("unchecked")
  public static <T> T call(String owner, int instance, String name, Object... arguments) {
    if (gone) throw new Gone();
    StringBuilder shown = new StringBuilder(name).append('(');
    for (int i = 0; i < arguments.length; i++) shown.append(i > 0 ? ", " : "").append(Values.show(arguments[i]));
    call = shown.append(')').toString();
    answer = "";
    Object[] told;
    try {
      values.send('C', Values.pack(new Object[] {owner, instance, name, arguments}));
      byte[] body = values.receive();
      if (body[0] == 'G') {
        gone = true;
        throw new Gone();
      }
      told = (Object[]) Values.unpack(body, 1);
      if (told.length == 2) {
        Object[] left = (Object[]) told[1];
        for (int i = 0; i < arguments.length; i++) Values.become(arguments[i], left[i]);
      }
    } catch (Values.Uncrossable fault) {
      infra = fault.getMessage();
      throw new Stop();
    } catch (IOException | RuntimeException fault) {
      if (fault instanceof Values.Ended) throw new Gone();
      forbidden = "its answer is not one that our own half of it would send";
      throw new Stop();
    }
    if (told.length == 3) throw rethrown(String.valueOf(told[0]), String.valueOf(told[1]));
    answer = Values.show(told[0]);
    return (T) told[0];
  }

  private static Error rethrown(String type, String text) {
    Throwable made = null;
    if (type.startsWith("java.")) {
      try {
        Class<?> kind = Class.forName(type);
        if (RuntimeException.class.isAssignableFrom(kind)) made = (Throwable) kind.getConstructor(String.class).newInstance(text);
      } catch (ReflectiveOperationException | LinkageError none) {
        made = null;
      }
    }
    if (made == null) made = new RuntimeException(type + (text.isEmpty() ? "" : ": " + text));
    thrown = made;
    throw (RuntimeException) made;
  }
}
