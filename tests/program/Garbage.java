import java.util.ArrayList;
import java.util.List;

/** Holds 200 MB nobody needs any more; prints its hook's port. The recipe is MemoryHook of docs/memory-hooks.md. */
final class Garbage {
    private static List<byte[]> held = new ArrayList<>();

    public static void main(String[] arguments) throws Exception {
        for (int i = 0; i < 20_000; i++) {
            held.add(new byte[10_000]);
        }
        held = null;
        System.out.println(MemoryHook.serve(0));
        Thread.sleep(Long.MAX_VALUE);
    }
}
